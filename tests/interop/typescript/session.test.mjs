// Goal: a session says what docs/protocols/worker.md asks for, at the times it names.
// Method: the pure machine with a clock of the test's own; no socket, nothing waits.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Session } from "./src/session.js";
import { clipped, pack, packed, unpack } from "./src/wire.js";
import { optionsOf } from "./src/options.js";
import { Worker } from "./src/worker.js";

const LEASE_MS = 30000, HEARTBEAT_MS = 10000, IDLE_MS = 180000;

class Trace {
  now = 0;
  started = [];

  constructor(more = {}, chance = () => 0.5) {
    this.session = new Session({
      register: { instance: "here" }, concurrency: 2, heartbeatMs: 1e9, drainMs: 10000,
      resendMs: 2000, url: "tcp://there", ...more,
    }, chance);
    this.session.open(0);
  }

  /** The clock moves by `ms`, and stops wherever something is due. */
  wait(ms = 0) {
    const end = this.now + ms, done = [];
    for (;;) {
      done.push(...this.turn());
      const due = Math.max(this.now, this.session.due());
      if (due > end || (due === this.now && ms === 0))
        break;
      this.now = due;
    }
    this.now = end;
    return [...done, ...this.turn()];
  }

  turn() {
    this.session.tick(this.now);
    const done = [];
    for (const effect of this.session.effects.splice(0))
      if (effect.do === "start")
        this.started.push(effect.lease);
      else if (effect.do === "abort")
        done.push(`abort ${effect.lease.token} ${effect.name}`);
      else if (effect.do !== "tell")
        done.push([effect.do, effect.id, effect.number ?? effect.code].filter(Boolean).join(" "));
    for (let m; (m = this.session.next(this.now));)
      done.push(this.print(m));
    return done;
  }

  print({ type, ...m }) {
    const words = [type, m.token ?? m.id, m.outcome, m.error_type, m.chunk, m.concurrency];
    if (m.held)
      words.push(`[${m.held}]`);
    return words.filter((word) => word !== undefined).join(" ");
  }

  hear(type, more = {}) {
    this.session.hear(this.now, { type, ...more });
    return this.turn();
  }

  member(more = {}) {
    this.wait();
    this.session.connected(this.now, "cap_test");
    this.turn();
    this.hear("registered", {
      session: "token", lease_ms: LEASE_MS, heartbeat_ms: HEARTBEAT_MS, idle_ms: IDLE_MS,
      payload_max: 1000, lost: [], ...more,
    });
    return this;
  }

  job(token) {
    this.hear("job", { token, job: `job_${token}`, action: "a" });
    return this.started.at(-1);
  }

  done(lease, outcome = { outcome: "completed" }) {
    this.session.returned(lease, outcome);
    return this.turn();
  }

  beat() {
    return this.hear("heartbeat", { sequence: this.sequence });
  }

  get state() {
    return this.session.state;
  }
}

const test_ = (sentence, run) => test(sentence, () => run(new Trace()));

test_("it calls, registers, and says nothing else before the answer", (t) => {
  assert.deepEqual(t.wait(), ["connect"]);
  t.session.connected(0, "cap_test");
  assert.deepEqual(t.turn(), ["register 2 []"]);
  t.session.publish({ type: "publish", id: "e" });
  assert.deepEqual(t.wait(4999), []);
  assert.deepEqual(t.wait(1), ["disconnect"]);
  assert.equal(t.state, "AWAY");
});

test_("who is away calls ever slower, until a heartbeat is answered", (t) => {
  const waits = [];
  for (let n = 0; n < 8; n++) {
    t.wait();
    assert.equal(t.state, "CALLING");
    t.session.broken(t.now, "connection");
    waits.push(t.session.due() - t.now);
    t.now = t.session.due();
  }
  assert.deepEqual(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000]);
  t.member();
  t.wait(IDLE_MS);
  t.hear("heartbeat", { sequence: 1 });
  t.session.broken(t.now, "connection");
  assert.equal(t.session.due() - t.now, 100);
});

test("times are a little off, by a quarter at most, heartbeats up to a tenth early", () => {
  for (const [chance, wait, beat] of [[0, 75, 0.925], [1, 125, 0.875]]) {
    const t = new Trace({}, () => chance);
    t.wait();
    t.session.broken(0, "connection");
    assert.equal(t.session.due(), wait);
    t.now = wait;
    t.member();
    t.job("j");
    assert.equal(t.session.due(), wait + beat * HEARTBEAT_MS);
  }
});

test_("it beats seldom while it holds nothing, and soon once it holds a job", (t) => {
  t.member();
  assert.deepEqual(t.wait(IDLE_MS - 1), []);
  assert.deepEqual(t.wait(1), ["heartbeat []"]);
  t.hear("heartbeat", { sequence: 1 });
  t.job("j");
  assert.deepEqual(t.wait(0.9 * HEARTBEAT_MS - 1), []);
  assert.deepEqual(t.wait(1), ["heartbeat [j]"]);
});

test("an asked heartbeat is never slower than was asked for", () => {
  const t = new Trace({ heartbeatMs: 500 }).member();
  assert.deepEqual(t.wait(500), ["heartbeat []"]);
});

test_("a report is said after 2, 4, 8, then each 10 s, until the ack", (t) => {
  const lease = t.member().job("j");
  assert.deepEqual(t.done(lease), ["report j completed"]);
  const said = [];
  for (let at = 0; at < 50; at++) {
    said.push(...t.wait(1000).filter((m) => m.startsWith("report")).map(() => t.now));
    t.session.hear(t.now, { type: "fanfare" });
  }
  assert.deepEqual(said, [2000, 6000, 14000, 24000, 34000, 44000]);
  assert.deepEqual(t.hear("ack", { token: "j", verdict: "accepted" }), []);
  assert.deepEqual(t.wait(20000).filter((m) => m.startsWith("report")), []);
  assert.deepEqual(t.hear("register"), ["register 2 []"]);
});

test_("reports and events are said again at once after each registration", (t) => {
  const lease = t.member().job("j");
  t.done(lease);
  t.session.publish({ type: "publish", id: "e" });
  assert.deepEqual(t.turn(), ["publish e"]);
  assert.deepEqual(t.hear("register"), ["register 2 [j]"]);
  assert.deepEqual(t.hear("registered", { lease_ms: 3, heartbeat_ms: 1 }),
    ["report j completed", "publish e"]);
});

test_("an event is said until it is published, or refused for good", (t) => {
  t.member();
  for (const id of ["a", "b"])
    t.session.publish({ type: "publish", id });
  assert.deepEqual(t.turn(), ["publish a", "publish b"]);
  for (const code of ["busy", "overloaded", "unavailable", "timeout"])
    t.hear("error", { about: "publish", id: "a", code });
  assert.deepEqual(t.hear("published", { id: "b", number: 7 }), ["published b 7"]);
  assert.deepEqual(t.hear("published", { id: "b", number: 7 }), []);
  assert.deepEqual(t.wait(2000), ["publish a"]);
  assert.deepEqual(t.hear("error", { about: "publish", id: "a", code: "invalid" }),
    ["unpublished a invalid"]);
  assert.equal(t.state, "MEMBER");
  assert.deepEqual(t.wait(60000), []);
});

test_("no more events than 256 wait", (t) => {
  for (let n = 0; n < 256; n++)
    assert.ok(t.session.publish({ type: "publish", id: `${n}` }));
  assert.equal(t.session.publish({ type: "publish", id: "one more" }), false);
});

test_("no more jobs than were agreed to, and a job that comes twice is one", (t) => {
  t.member();
  for (const token of ["a", "a", "b", "c"])
    t.job(token);
  assert.deepEqual(t.started.map((lease) => lease.token), ["a", "b"]);
  t.hear("heartbeat", { lost: ["a"] }); // its action runs on: its place is not free
  t.job("d");
  assert.equal(t.started.length, 2);
  t.done(t.started[0]);
  t.job("d");
  assert.deepEqual(t.started.map((lease) => lease.token), ["a", "b", "d"]);
});

test_("while actions run without a lease it takes fewer", (t) => {
  const lease = t.member().job("j");
  assert.deepEqual(t.hear("heartbeat", { lost: ["j"] }), ["abort j LeaseLost", "ready 1"]);
  assert.deepEqual(t.done(lease), ["ready 2"]);
  assert.deepEqual(t.wait(30000), ["heartbeat []"]);
});

test_("a cancel reaches the action once, pushed or answered", (t) => {
  t.member();
  t.job("a");
  t.job("b");
  assert.deepEqual(t.hear("cancel", { token: "a", reason: "enough" }),
    ["abort a Cancelled"]);
  assert.deepEqual(t.hear("heartbeat", { cancel: ["a", "b"] }), ["abort b Cancelled"]);
  assert.deepEqual(t.done(t.started[0], { outcome: "cancelled" }), ["report a cancelled"]);
});

test_("it fences itself at nine tenths of the lease after the last that was answered", (t) => {
  t.member({ idle_ms: 0 });
  t.job("j");
  assert.deepEqual(t.wait(HEARTBEAT_MS), ["heartbeat [j]"]);
  t.hear("heartbeat", { sequence: 1 });
  const gone = t.wait(0.9 * LEASE_MS - 1);
  assert.ok(gone.includes("disconnect") && !gone.some((m) => m.startsWith("abort")), gone);
  assert.deepEqual(t.wait(1).filter((m) => m.startsWith("abort")), ["abort j LeaseLost"]);
  t.session.connected(t.now, "cap_test");
  assert.deepEqual(t.turn(), ["register 1 []"]);
});

test_("a lease that came after a long silence is new", (t) => {
  t.member();
  t.wait(IDLE_MS - 1);
  t.job("j");
  assert.deepEqual(t.wait(1000), ["heartbeat [j]"]);
});

test_("a gateway that is silent is given up, sooner while something is held", (t) => {
  t.member();
  assert.deepEqual(t.wait(2.5 * IDLE_MS - 1).filter((m) => !m.startsWith("heart")), []);
  assert.deepEqual(t.wait(1), ["disconnect"]);
  t.wait(5000);
  t.member().job("j");
  t.wait(2.5 * HEARTBEAT_MS - 1);
  assert.equal(t.state, "MEMBER");
  t.wait(1);
  assert.equal(t.state, "AWAY");
});

test_("logs leave before the report, in order, and in bounded pieces", (t) => {
  const lease = t.member().job("j");
  t.session.log(lease, "stdout", "one");
  t.session.log(lease, "stderr", "two");
  t.session.log(lease, "stdout", "");
  assert.deepEqual(t.done(lease), ["log j one", "log j two", "report j completed"]);
  t.session.log(lease, "stdout", "too late");
  assert.deepEqual(t.turn(), []);
});

test_("no more than a MiB of log waits", (t) => {
  const lease = t.member().job("j");
  t.session.broken(t.now, "connection");
  for (let n = 0; n < 100; n++)
    t.session.log(lease, "stdout", "ü".repeat(40000));
  t.wait(200);
  t.session.connected(t.now, "cap_test");
  t.turn();
  const said = t.hear("registered", { lease_ms: 30, heartbeat_ms: 10 });
  const size = said.reduce((sum, m) => sum + Buffer.byteLength(m), 0);
  assert.ok(said.length > 8 && size > 900000 && size <= 1 << 20, `${said.length} ${size}`);
});

test_("told to stop it takes no more, gives back what comes, and says goodbye last", (t) => {
  const lease = t.member().job("j");
  t.session.leave(t.now, 10000);
  assert.deepEqual(t.turn(), ["drain"]);
  t.job("late");
  assert.equal(t.started.length, 1);
  assert.deepEqual(t.hear("register"), ["register 0 [j,late]"]);
  assert.deepEqual(t.hear("registered", { lease_ms: 30000, heartbeat_ms: 10000 }),
    ["report late returned"]);
  t.hear("ack", { token: "late", verdict: "stale" });
  assert.deepEqual(t.done(lease), ["report j completed"]);
  assert.deepEqual(t.hear("ack", { token: "j", verdict: "accepted" }), ["goodbye"]);
  assert.deepEqual([t.state, t.session.unfinished], ["OVER", 0]);
  assert.equal(t.session.due(), Infinity);
});

test_("when its time is over it stops actions, waits half a second, and goes", (t) => {
  t.member().job("j");
  t.session.leave(t.now, 1000);
  assert.deepEqual(t.wait(999), ["drain"]);
  assert.deepEqual(t.wait(1), ["abort j LeaseLost"]);
  assert.deepEqual(t.wait(499), []);
  assert.deepEqual(t.wait(1), ["goodbye"]);
  assert.deepEqual([t.state, t.session.unfinished], ["OVER", 1]);
});

test_("a second stop does not wait", (t) => {
  t.member().job("j");
  t.session.leave(t.now, 10000);
  t.session.leave(t.now, 0);
  assert.deepEqual(t.turn(), ["abort j LeaseLost", "drain"]);
  assert.deepEqual(t.wait(500), ["goodbye"]);
});

test_("who is told to stop while it is away just ends, once its actions have", (t) => {
  const lease = t.member().job("j");
  t.session.broken(t.now, "connection");
  t.session.leave(t.now, 0);
  t.turn();
  t.done(lease);
  assert.equal(t.state, "OVER");
});

test_("asked to leave it leaves; told that the engine goes down it comes back", (t) => {
  t.member();
  assert.deepEqual(t.hear("drain"), []);
  t.session.broken(t.now, "connection");
  t.wait(100);
  t.session.connected(t.now, "cap_test");
  assert.deepEqual(t.turn(), ["register 2 []"]);
  t.hear("registered", { lease_ms: 30, heartbeat_ms: 10 });
  assert.deepEqual(t.hear("drain", { leave: true }), ["goodbye"]);
});

test("what ends it and what makes it try again", () => {
  const ends = { asking: [], member: [] };
  for (const code of ["unauthorized", "forbidden", "malformed", "invalid", "too_large",
    "unsupported", "conflict", "busy", "overloaded", "unavailable", "timeout", "new"])
    for (const when of ["asking", "member"]) {
      const t = new Trace().member();
      if (when === "asking")
        t.hear("register");
      t.hear("error", { code, message: "why" });
      if (t.state === "OVER")
        ends[when].push(code);
      else
        assert.equal(t.state, when === "asking" ? "AWAY" : "MEMBER");
      assert.equal(t.session.refused?.code, t.state === "OVER" ? code : undefined);
    }
  assert.deepEqual(ends, {
    asking: ["unauthorized", "forbidden", "malformed", "invalid", "too_large", "unsupported"],
    member: ["unauthorized", "forbidden"],
  });
});

test_("a report that the gateway cannot take is replaced, once", (t) => {
  const lease = t.member().job("j");
  t.done(lease);
  const no = { code: "too_large", about: "report", token: "j", message: "no" };
  t.hear("error", { ...no, code: "busy" });
  assert.deepEqual(t.hear("error", { ...no, about: "log" }), []);
  assert.deepEqual(t.hear("error", no), ["report j failed ReportRefused"]);
  assert.deepEqual(t.hear("error", no), []);
  assert.deepEqual(t.hear("register"), ["register 2 []"]);
});

test_("what makes no sense is passed over", (t) => {
  t.member();
  t.session.hear(t.now, undefined);
  for (const m of [{ type: "fanfare" }, { type: "job" }, { type: "job", token: 7 },
    { type: "job", token: "x".repeat(256) }, { type: "ack", token: "?" },
    { type: "heartbeat", lost: 3, cancel: [{}, null] }, { type: "published" },
    { type: "registered", lease_ms: 1, heartbeat_ms: 2 }, { type: "cancel" },
    { type: "error" }, { type: "drain", leave: "no", paused: 1 }])
    assert.deepEqual(t.hear(m.type, m), []);
  assert.equal(t.started.length, 0);
});

test("values go and come as they are, integers exactly", () => {
  const value = {
    small: [0, -1, 127, 65536, 4294967295], ms: 1764182400000, negative: -5000000000,
    big: 2n ** 63n, least: -(2n ** 63n), exact: 2n ** 53n, real: 1.5, text: "ü😀",
    none: null, yes: true, deep: { list: [[], {}] },
  };
  const message = unpack(pack({ type: "x", gone: undefined, output: packed(value, "o") }));
  assert.deepEqual(message, { type: "x", output: value });
  const odd = { at: new Date(0), gone: undefined, half: "a\ud800", list: [undefined] };
  assert.deepEqual(unpack(pack({ type: "x", output: packed(odd, "o") })).output,
    { at: "1970-01-01T00:00:00.000Z", half: "a\ufffd", list: [null] });
});

test("a value that cannot be sent is named", () => {
  const round = {};
  round.again = round;
  for (const [value, where] of [[{ a: [1, { b() {} }] }, /^output\.a\[1\]\.b: a function/],
    [NaN, /^output: NaN/], [2n ** 64n, /^output: an integer/], [[new Map()], /^output\[0\]/],
    [Symbol("s"), /symbol/], [round, /nested more than 31 deep/]])
    assert.throws(() => packed(value, "output"), { name: "TypeError", message: where });
  const nest = (depth) => depth ? [nest(depth - 1)] : 0;
  packed(nest(31), "output");
  assert.throws(() => packed(nest(32), "output"), /nested/);
});

test("frames of any content are read or passed over", () => {
  for (const hex of ["", "01", "c0", "80", "81a474797065", "81a47479706507", "ffff",
    "82a474797065a178a161d40101", "c1"])
    assert.equal(unpack(Buffer.from(hex, "hex")), undefined, hex);
  // A job that could not be read could not even be failed.
  const hostile = Buffer.from("82a474797065a178a95f5f70726f746f5f5f01", "hex");
  assert.deepEqual(unpack(hostile), { type: "x", __proto_: 1 });
});

test("texts are cut between characters", () => {
  assert.equal(clipped("ü".repeat(9), 5), "üü");
  assert.equal(clipped("😀😀", 7), "😀");
  assert.equal(clipped("a".repeat(70000), 65536).length, 65536);
  assert.equal(clipped("€".repeat(70000), 65536).length, 21845);
  assert.equal(clipped("", 5), "");
});

test("options have the defaults of the C library", () => {
  const urls = [[{}, "tcp://127.0.0.1:5170"], [{ CAPSTAN_URL: "http://e:3000/x" }, "tcp://e:5170"],
    [{ CAPSTAN_URL: "http://[::1]:3000" }, "tcp://[::1]:5170"],
    [{ CAPSTAN_URL: "http://e", CAPSTAN_WORKER_URL: "ipc://x" }, "ipc://x"]];
  for (const [env, url] of urls)
    assert.equal(optionsOf({}, env).url, url);
  const o = optionsOf({}, { CAPSTAN_API_KEY: "cap_x", III_WORKER_NAME: "mine" });
  assert.deepEqual([o.key(), o.name, o.concurrency, o.drainMs, o.resendMs, o.queues],
    ["cap_x", "mine", 1, 10000, 2000, []]);
  assert.equal(optionsOf({}, { CAPSTAN_URL: "http://elsewhere", CAPSTAN_DATA: "/" }).key(), "");
  for (const [given, said, ms] of [[undefined, "4000", 4000], [undefined, "0", 0], [7, "4000", 7]])
    assert.equal(optionsOf({ drainMs: given }, { CAPSTAN_DRAIN_MS: said }).drainMs, ms);
  for (const said of ["4s", "86400001"])
    assert.throws(() => optionsOf({}, { CAPSTAN_DRAIN_MS: said }), { message: /^CAPSTAN_DRAIN_MS: '/ });
  assert.match(optionsOf({}, {}).instance, /-[0-9a-hjkmnp-tv-z]{8}$/);
  for (const [env, id] of [[{ KUBERNETES_SERVICE_HOST: "x", HOSTNAME: "pod-1" }, /^pod-1$/],
    [{ FLY_MACHINE_ID: "f" }, /^f$/], [{ K_REVISION: "rev" }, /^rev-.{8}$/]])
    assert.match(optionsOf({}, env).instance, id);
});

test("a name is given to one action", () => {
  const worker = new Worker().action("a", () => 1).fallback(() => 2);
  for (const [again, name] of [[() => worker.action("a", () => 3), "a"],
    [() => worker.fallback(() => 4), "*"]])
    assert.throws(again,
      { name: "TypeError", message: `action ${name}: it is there already` });
});

test("an option that makes no sense is named", () => {
  for (const [options, name] of [[{ concurrency: 0 }, /^concurrency: 0/],
    [{ concurrency: 4097 }, /^concurrency/], [{ serverKey: "x" }, /^serverKey/],
    [{ queues: [""] }, /^queues/], [{ labels: "gpu" }, /^labels/],
    [{ instance: "x".repeat(201) }, /^instance/], [{ drainMs: -1 }, /^drainMs/],
    [{ name: "a\nb" }, /^name/], [{ key: "x".repeat(256) }, /^key/]])
    assert.throws(() => optionsOf(options, {}), { name: "TypeError", message: name });
});
