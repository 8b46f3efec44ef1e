/* session - what a worker says to the gateway and when, given messages and time.
 *
 *           time            connected         registered
 *   AWAY ---------> CALLING ---------> ASKING ----------> MEMBER
 *     ^                |                 | ^                | |
 *     +----------------+-----------------+ +--- register ---+ |
 *     +---------------- broken, silent, refused --------------+
 *
 * When it leaves: GOODBYE while that is said, then OVER.
 *
 * No input or output: whoever drives it tells what happened, carries out `effects`, and
 * asks `next` for one message after the other until there is none.  Times are ms of a
 * clock that does not jump.
 */
import { Leases } from "./leases.js";
import { Sayings } from "./sayings.js";
import { clipped } from "./wire.js";

/** @typedef {import("./wire.js").Message} Message */
/** @typedef {import("./leases.js").Lease} Lease */
/** @typedef {import("./sayings.js").Saying} Saying */
/** @typedef {"broken" | "unusual" | "info"} Level */
/** @typedef {{ do: "connect" } | { do: "disconnect" }
 *   | { do: "start", lease: Lease, job: Message }
 *   | { do: "abort", lease: Lease, name: "Cancelled" | "LeaseLost", why: string }
 *   | { do: "published", id: string, number: number }
 *   | { do: "unpublished", id: string, code: string, message: string }
 *   | { do: "tell", level: Level, line: string }} Effect */
/** @typedef {{ outcome: string, output?: unknown, error_type?: string,
 *   error_message?: string, retry_after_ms?: number }} Outcome */
/** Who this worker is, and its times. @typedef {{
 *   register: Message, concurrency: number, heartbeatMs: number, drainMs: number,
 *   resendMs: number, url: string }} Self */

const ANSWER_MS = 5000; // for a connection, and for an answer to `register`
const BACKOFF_MS = 100, BACKOFF_MAX_MS = 5000;
const GRACE_MS = 500; // for actions to notice that all is over
const GOODBYE_MS = 1000; // for the last word to leave
const PAYLOAD_MAX = 1048576; // bytes, of an engine that does not say
const BEATS_MAX = 4; // heartbeats without an answer that are remembered
const EVENTS_MAX = 256; // that wait for the engine's word
const LOGS_MAX = 1 << 20; // bytes of log that wait to be sent
const LOG_COST = 128; // bytes of a chunk beside its text
const CHUNK_MAX = 65536, STREAM_MAX = 200, MESSAGE_MAX = 4096; // bytes

export class Session {
  /** @type {"AWAY" | "CALLING" | "ASKING" | "MEMBER" | "GOODBYE" | "OVER"} */
  state = "AWAY";
  /** @type {Effect[]} */
  effects = [];
  payloadMax = PAYLOAD_MAX;
  unfinished = 0; // jobs under way when it left
  /** @type {{ code: string, message: string } | undefined} */
  refused;

  #self;
  #random;
  #leases = new Leases();
  #sayings; // reports and events
  /** @type {Map<string, Saying>} */
  #events = new Map();
  /** @type {Message[]} */
  #logs = [];
  #logBytes = 0;

  #key = ""; // API key
  #token = undefined; // of the session
  #leaseMs = 0;
  #heartbeatMs = 0;
  #idleMs = 0;
  #failures = 0; // since a heartbeat was last answered
  #turnAt = Infinity; // AWAY: call then; CALLING, ASKING, GOODBYE: give up then
  #beatAt = Infinity;
  #heardAt = 0;
  #askedAt = 0;
  #confirmedAt = -Infinity; // our leases were good then, at least
  /** @type {{ sequence: number, at: number }[]} */
  #beats = []; // not yet answered, oldest first
  #sequence = 0;
  #announced = 0; // the capacity that the gateway knows
  #paused = false; // the engine goes down: no new jobs before we are back
  #asking = false; // `register` is still to be said
  #leaving = false;
  #hurried = false;
  #leaveBy = Infinity;
  #puzzles = 0;

  /** @param {Self} self @param {() => number} random */
  constructor(self, random) {
    this.#self = self;
    this.#sayings = new Sayings(self.resendMs);
    this.#random = random;
  }

  // What happened.

  /** @param {number} now */
  open(now) {
    this.#turnAt = now;
  }

  /** @param {number} now @param {string} key - API key */
  connected(now, key) {
    this.#key = key;
    if (this.state === "CALLING")
      this.#ask(now);
  }

  /** @param {number} now @param {string} why */
  broken(now, why) {
    if (this.state === "GOODBYE")
      this.state = "OVER";
    if (this.state === "OVER")
      return;
    const member = this.state === "MEMBER", n = this.#failures++;
    // An engine that is away for an hour is not worth a line every five seconds.
    if (member || (n & (n - 1)) === 0)
      this.#tell("unusual", `${member ? "disconnected" : "not_connected"} why=${why} ` +
        `url=${this.#self.url} failures=${n}`);
    this.#away(now + this.#jittered(Math.min(BACKOFF_MAX_MS, BACKOFF_MS * 2 ** n)));
    this.#sayings.sayAllAgain();
  }

  /** The engine does not let this worker in. @param {number} now
   *  @param {string} code @param {string} message */
  refuse(now, code, message) {
    this.refused = { code, message };
    this.#tell("broken", `refused ${code}: ${message}`);
    this.#away(Infinity);
    this.leave(now, 0);
  }

  /** Its action is over. @param {Lease} lease @param {Outcome} outcome */
  returned(lease, outcome) {
    this.#report(lease, outcome);
  }

  /** @param {Lease} lease @param {string} stream @param {string} text */
  log(lease, stream, text) {
    while (text !== "" && lease.state === "RUNNING") {
      const chunk = clipped(text, CHUNK_MAX);
      text = text.slice(chunk.length);
      const cost = Buffer.byteLength(chunk) + LOG_COST;
      if (this.#logBytes + cost > LOGS_MAX)
        return;
      this.#logBytes += cost;
      this.#logs.push({
        type: "log", token: lease.token, stream: clipped(stream, STREAM_MAX), chunk,
      });
    }
  }

  /** False if too many wait. @param {Message} message - `publish` */
  publish(message) {
    if (this.#events.size >= EVENTS_MAX)
      return false;
    this.#events.set(message.id, this.#sayings.add(message));
    return true;
  }

  /** Finish what is held, within `ms`, and leave for good. The shorter time counts.
   *  @param {number} now @param {number} ms */
  leave(now, ms) {
    if (!this.#leaving)
      this.#tell("info", `leaving held=${this.#leases.size}`);
    this.#leaving = true;
    this.#leaveBy = Math.min(this.#leaveBy, now + ms);
  }

  /** @param {number} now @param {Message | undefined} message */
  hear(now, message) {
    if (message === undefined)
      return this.#puzzled("frame");
    this.#heardAt = now;
    switch (message.type) {
    case "job": return this.#hearJob(now, message);
    case "ack": return this.#hearAck(message);
    case "heartbeat": return this.#hearHeartbeat(message);
    case "published": return this.#hearPublished(message);
    case "cancel": return this.#cancel(message.token, text(message.reason));
    case "registered": return this.#hearRegistered(now, message);
    // Several words to a gateway that forgot us are answered several times.
    case "register": return this.state === "MEMBER" ? this.#ask(now) : undefined;
    case "drain": return this.#hearDrain(now, message);
    case "error": return this.#hearError(now, message);
    default: return this.#puzzled("type");
    }
  }

  // The clock.

  /** When `tick` must be called next. */
  due() {
    let due = Math.min(this.#fenceAt(), this.#leaving ? this.#leaveAt() : Infinity);
    switch (this.state) {
    case "OVER":
      return Infinity;
    case "MEMBER":
      return Math.min(due, this.#beatAt, this.#silentAt(), this.#sayings.dueAt);
    case "GOODBYE":
      due = Infinity;
    }
    return Math.min(due, this.#turnAt);
  }

  /** @param {number} now */
  tick(now) {
    if (this.state === "OVER")
      return;
    if (now >= this.#fenceAt()) {
      this.#tell("unusual", `leases_given_up open=${this.#leases.running} ` +
        `silent_ms=${Math.round(now - this.#confirmedAt)}`);
      this.#loseRunning("the engine has not been heard for too long");
    }
    if (this.#leaving && now >= this.#leaveAt() && this.state !== "GOODBYE")
      this.#goOn(now);
    if (now >= this.#turnAt)
      this.#turn(now);
    else if (this.state === "MEMBER" && now >= this.#silentAt())
      this.broken(now, "silent");
    this.#sayings.tick(now);
  }

  // What to say.

  /** The next message, which counts as said; undefined: there is none now.
   *  @param {number} now @returns {Message | undefined} */
  next(now) {
    switch (this.state) {
    case "ASKING":
      return this.#asking ? this.#register() : undefined;
    case "MEMBER":
      return now >= this.#beatAt ? this.#heartbeat(now)
        : this.#nextLog() ?? this.#capacityChange() ?? this.#sayings.next(now);
    case "GOODBYE":
      if (!this.#asking) {
        this.state = "OVER"; // who asks again has said it
        return undefined;
      }
      this.#asking = false;
      return { type: "goodbye" };
    default:
      return undefined;
    }
  }

  #register() {
    this.#asking = false;
    this.#announced = this.#capacity();
    return {
      type: "register", v: 1, key: this.#key, ...this.#self.register,
      concurrency: this.#announced, session: this.#token, held: this.#leases.tokens(),
    };
  }

  /** @param {number} now */
  #heartbeat(now) {
    const every = this.#beatEvery();
    this.#beats.push({ sequence: ++this.#sequence, at: now });
    if (this.#beats.length > BEATS_MAX)
      this.#beats.shift();
    this.#beatAt = now + every - this.#jittered(every) / 10;
    return { type: "heartbeat", sequence: this.#sequence, held: this.#leases.tokens() };
  }

  #nextLog() {
    const log = this.#logs.shift();
    if (log)
      this.#logBytes -= Buffer.byteLength(log.chunk) + LOG_COST;
    return log;
  }

  #capacityChange() {
    const capacity = this.#capacity();
    if (capacity === this.#announced)
      return undefined;
    this.#announced = capacity;
    return this.#leaving ? { type: "drain" } : { type: "ready", concurrency: capacity };
  }

  // What follows from each message.

  /** @param {number} now @param {Message} m */
  #hearRegistered(now, m) {
    const leaseMs = uint(m.lease_ms), heartbeatMs = uint(m.heartbeat_ms);
    if (this.state !== "ASKING" || this.#asking)
      return;
    if (heartbeatMs === 0 || heartbeatMs > leaseMs)
      return this.#puzzled("registered");
    const asked = this.#self.heartbeatMs;
    this.#token = m.session;
    this.#leaseMs = leaseMs;
    this.#heartbeatMs = Math.min(asked, heartbeatMs);
    this.#idleMs = Math.min(asked, Math.max(uint(m.idle_ms), heartbeatMs));
    this.payloadMax = uint(m.payload_max) || PAYLOAD_MAX;
    this.#confirmedAt = this.#askedAt;
    this.state = "MEMBER";
    this.#turnAt = Infinity;
    this.#loseListed(m.lost);
    this.#beatAt = now + this.#beatEvery();
    this.#tell("info", `registered session=${text(m.session_id)} ` +
      `instance=${this.#self.register.instance} held=${this.#leases.size} ` +
      `lease_ms=${leaseMs}`);
  }

  /** @param {number} now @param {Message} m */
  #hearJob(now, m) {
    const leases = this.#leases, id = text(m.job);
    if (this.state !== "MEMBER" || leases.find(m.token))
      return;
    // What is not taken is not listed in heartbeats, and so goes to somebody else.
    if (leases.running + leases.orphans >= this.#self.concurrency || this.#hurried)
      return this.#tell("unusual", `job_not_taken job=${id} open=${leases.running}`);
    const lease = leases.open(m.token, id);
    if (!lease)
      return;
    if (leases.size === 1) // the gateway has spoken for us: the lease is new
      this.#confirmedAt = Math.max(this.#confirmedAt, now - this.#heartbeatMs);
    if (this.#beatAt > now + this.#heartbeatMs)
      this.#beatAt = now + this.#heartbeatMs - this.#jittered(this.#heartbeatMs) / 10;
    if (this.#leaving)
      this.#report(lease, { outcome: "returned" });
    else
      this.effects.push({ do: "start", lease, job: m });
  }

  /** @param {Message} m */
  #hearAck(m) {
    const lease = this.#leases.find(m.token);
    if (!lease || (m.verdict !== "stale" && lease.state !== "REPORTED"))
      return;
    // That a cancelled or returned job's report comes too late is as it should be.
    if (m.verdict === "stale" && !lease.cancelled && !this.#leaving)
      this.#tell("unusual", `lease_lost job=${lease.id}`);
    this.#lose(lease, "the engine has given the lease to another");
  }

  /** @param {Message} m */
  #hearHeartbeat(m) {
    const i = this.#beats.findIndex((beat) => beat.sequence === m.sequence);
    if (i >= 0) {
      this.#confirmedAt = Math.max(this.#confirmedAt, this.#beats[i].at);
      this.#beats.splice(0, i + 1);
      this.#failures = 0;
    }
    this.#loseListed(m.lost);
    for (const token of list(m.cancel))
      this.#cancel(token, "");
  }

  /** @param {unknown} token @param {string} why */
  #cancel(token, why) {
    const lease = this.#leases.find(token);
    if (lease?.state !== "RUNNING" || lease.cancelled)
      return;
    lease.cancelled = true;
    this.#tell("info", `cancelled job=${lease.id} reason=${JSON.stringify(why)}`);
    this.effects.push({ do: "abort", lease, name: "Cancelled", why });
  }

  /** @param {number} now @param {Message} m */
  #hearDrain(now, m) {
    if (m.leave === true)
      return this.leave(now, this.#self.drainMs);
    this.#tell("info", `engine_goes_down held=${this.#leases.size}`);
    this.#paused = true; // it will want us when it is back
    this.#announced = this.#capacity();
  }

  /** @param {Message} m */
  #hearPublished(m) {
    if (this.#settle(text(m.id)))
      this.effects.push({ do: "published", id: m.id, number: uint(m.number) });
  }

  /** @param {number} now @param {Message} m */
  #hearError(now, m) {
    const code = text(m.code), message = text(m.message);
    const asking = this.state === "ASKING", later = LATER.has(code);
    const lease = this.#leases.find(m.token);
    if (m.about === "publish" && text(m.id) !== "") {
      if (!later && this.#settle(m.id))
        this.effects.push({ do: "unpublished", id: m.id, code, message });
    } else if (!lease && (KEY_REFUSED.has(code) || (asking && WORKER_WRONG.has(code)))) {
      this.refuse(now, code, message);
    } else if (asking) {
      this.broken(now, code);
    } else if (lease?.state === "REPORTED" && !later && m.about !== "log") {
      this.#reportRefused(lease, code, message);
    } else if (!later) {
      this.#tell("unusual", `error code=${code} about=${text(m.about)} ` +
        `message=${JSON.stringify(message)}`);
    }
  }

  /** The gateway cannot take the report as it is: say so instead, once.
   *  @param {Lease} lease @param {string} code @param {string} message */
  #reportRefused(lease, code, message) {
    this.#tell("unusual", `report_refused job=${lease.id} code=${code} ` +
      `message=${JSON.stringify(message)}`);
    if (lease.refused || code === "stale_lease")
      return this.#lose(lease, "");
    lease.refused = true;
    this.#report(lease, {
      outcome: "failed", error_type: "ReportRefused",
      error_message: clipped(message, MESSAGE_MAX),
    });
  }

  // Leases.

  /** What it will hold at most, now. */
  #capacity() {
    return this.#leaving || this.#paused ? 0
      : Math.max(0, this.#self.concurrency - this.#leases.orphans);
  }

  /** @param {Lease} lease @param {Outcome} outcome */
  #report(lease, outcome) {
    if (!this.#leases.reported(lease))
      return;
    this.#sayings.drop(lease.report);
    lease.report = this.#sayings.add({ type: "report", token: lease.token, ...outcome });
  }

  /** Forget it; an action that still runs must end. @param {Lease} lease
   *  @param {string} why */
  #lose(lease, why) {
    this.#sayings.drop(lease.report);
    if (this.#leases.lose(lease))
      this.effects.push({ do: "abort", lease, name: "LeaseLost", why });
  }

  /** @param {unknown} tokens */
  #loseListed(tokens) {
    for (const token of list(tokens)) {
      const lease = this.#leases.find(token);
      if (!lease)
        continue;
      this.#tell("unusual", `lease_lost job=${lease.id}`);
      this.#lose(lease, "the engine has taken the lease back");
    }
  }

  /** Others may have the jobs; what is reported is kept, for the engine to judge.
   *  @param {string} why */
  #loseRunning(why) {
    for (const lease of this.#leases.withoutReport())
      this.#lose(lease, why);
  }

  /** Did the event wait for this answer? @param {string} id */
  #settle(id) {
    this.#sayings.drop(this.#events.get(id));
    return this.#events.delete(id);
  }

  // The connection, its times, its end.

  /** @param {number} now */
  #ask(now) {
    this.state = "ASKING";
    this.#asking = true;
    this.#turnAt = now + ANSWER_MS;
    this.#askedAt = now;
    this.#beats = [];
    this.#paused = false;
    this.#sayings.sayAllAgain(); // what a gateway that did not know us heard, nobody heard
  }

  /** @param {number} until - ms; then call again */
  #away(until) {
    if (this.state !== "AWAY")
      this.effects.push({ do: "disconnect" });
    this.state = "AWAY";
    this.#turnAt = until;
  }

  /** @param {number} now */
  #turn(now) {
    switch (this.state) {
    case "AWAY":
      this.state = "CALLING";
      this.#turnAt = now + ANSWER_MS;
      this.effects.push({ do: "connect" });
      break;
    case "CALLING":
    case "ASKING":
      this.broken(now, "no_answer");
      break;
    case "GOODBYE":
      this.state = "OVER";
    }
  }

  /** One step of leaving. @param {number} now */
  #goOn(now) {
    const left = this.#leases.size + this.#leases.orphans;
    if (!this.#idle() && !this.#hurried) {
      this.#hurried = true;
      this.#leaveBy = now + GRACE_MS; // goodbye gives jobs back; actions may notice first
      this.#loseRunning("the worker ends");
      return;
    }
    this.unfinished = left;
    this.#tell("info", `left unfinished=${left}`);
    const heard = this.state === "MEMBER" || this.state === "ASKING";
    this.state = heard ? "GOODBYE" : "OVER";
    this.#asking = true;
    this.#turnAt = now + GOODBYE_MS;
  }

  #idle() {
    return this.#leases.size === 0 && this.#leases.orphans === 0
      && this.#logs.length === 0 && this.#events.size === 0;
  }

  #leaveAt() {
    return this.#idle() ? -Infinity : this.#leaveBy;
  }

  #beatEvery() {
    return this.#leases.size === 0 ? this.#idleMs : this.#heartbeatMs;
  }

  #silentAt() {
    return this.#heardAt + 2.5 * this.#beatEvery();
  }

  /** Nine tenths of the lease have gone by without a word. */
  #fenceAt() {
    return this.#leases.running === 0 ? Infinity : this.#confirmedAt + 0.9 * this.#leaseMs;
  }

  /** A little off, so that a thousand workers do not come at once. @param {number} ms */
  #jittered(ms) {
    return ms * (0.75 + 0.5 * this.#random());
  }

  /** @param {Level} level @param {string} line */
  #tell(level, line) {
    this.effects.push({ do: "tell", level, line });
  }

  /** A line for the first of them, the second, the fourth, … @param {string} what */
  #puzzled(what) {
    const n = ++this.#puzzles;
    if ((n & (n - 1)) === 0)
      this.#tell("unusual", `frame_not_understood what=${what} count=${n}`);
  }
}

const KEY_REFUSED = new Set(["unauthorized", "forbidden"]);
const WORKER_WRONG = new Set(["malformed", "invalid", "unsupported", "too_large"]);
const LATER = new Set(["busy", "overloaded", "unavailable", "timeout"]); // no answers

/** @param {unknown} value */
function text(value) {
  return typeof value === "string" ? value : "";
}

/** @param {unknown} value */
function uint(value) {
  return typeof value === "number" && Number.isSafeInteger(value) && value > 0 ? value : 0;
}

/** @param {unknown} value @returns {unknown[]} */
function list(value) {
  return Array.isArray(value) ? value : [];
}
