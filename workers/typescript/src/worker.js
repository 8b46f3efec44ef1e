/* worker - the shell: the socket, the clock, signals and actions around a Session. */
import { randomUUID } from "node:crypto";
import { Job } from "./job.js";
import { Line } from "./line.js";
import { checkName, optionsOf } from "./options.js";
import { Session } from "./session.js";
import { clipped, pack, packed, unpack } from "./wire.js";

/** @import * as Header from "../capstan-worker.js" */
/** @typedef {Header.Action} Action */
/** @typedef {import("./leases.js").Lease} Lease */
/** @typedef {import("./session.js").Outcome} Outcome */
/** @typedef {import("./session.js").Effect} Effect */

const ACTIONS_MAX = 256;
const ERROR_TYPE_MAX = 200, ERROR_MESSAGE_MAX = 4096; // bytes
const LINGER_MS = 1000;
const TIMER_MAX_MS = 3600000;
const BLOCKED_MS = 100; // until another look at what is due and has no room in the socket
const SIGNALS = /** @type {const} */ (["SIGTERM", "SIGINT"]);

export class Fatal extends Error {
  /** @param {string} message @param {{ type?: string, cause?: unknown }} [options] */
  constructor(message, { type = "Fatal", ...options } = {}) {
    super(message, options);
    this.name = type;
  }
}

export class Refused extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(`${code}: ${message}`);
    this.name = "Refused";
    this.code = code;
  }
}

/** @implements {Header.Worker} */
export class Worker {
  #options;
  #register; // what it says of itself
  #session;
  /** @type {Map<string, Action>} */
  #actions = new Map();
  /** @type {Action | undefined} */
  #fallback;
  /** @type {Map<Lease, Job>} */
  #jobs = new Map();
  /** @type {Map<string, Deferred>} */
  #events = new Map(); // that wait for the engine's word
  /** @type {Line | undefined} */
  #line;
  #saying = false;
  /** @type {NodeJS.Timeout | undefined} */
  #timer;
  #timerAt = Infinity;
  #stops = 0;
  /** @type {Deferred | undefined} */
  #ended;

  /** @param {Header.Options} [options] */
  constructor(options = {}) {
    const o = this.#options = optionsOf(options, process.env);
    const { instance, name, version, environment, queues, labels, actions } = o;
    this.#register = { instance, name, version, environment, queues, labels, actions };
    this.#session = new Session({ ...o, register: this.#register }, Math.random);
  }

  /** @param {string} name @param {Action} action */
  action(name, action) {
    checkName("action", name);
    if (this.#actions.size >= ACTIONS_MAX || this.#ended)
      throw new TypeError(`action ${name}: at most ${ACTIONS_MAX}, and before run()`);
    if (this.#actions.has(name))
      throw new TypeError(`action ${name}: it is there already`);
    this.#actions.set(name, action);
    return this;
  }

  /** @param {Action} action */
  fallback(action) {
    if (this.#fallback)
      throw new TypeError("action *: it is there already");
    this.#fallback = action;
    return this;
  }

  async run() {
    if (this.#ended)
      throw new Error("a worker runs once");
    if (this.#actions.size === 0 && !this.#fallback)
      throw new TypeError("there is no action: say worker.action(name, async (job) => …)");
    this.#ended = new Deferred();
    this.#register.actions ??= this.#fallback ? [] : [...this.#actions.keys()];
    if (this.#options.signals)
      SIGNALS.forEach((signal) => process.on(signal, this.#onSignal));
    this.#session.open(performance.now());
    this.#turn();
    return this.#ended.promise;
  }

  stop() {
    this.#session.leave(performance.now(), this.#stops++ ? 0 : this.#options.drainMs);
    if (this.#ended)
      this.#turn();
  }

  /** @param {string} event @param {Record<string, unknown>} [data]
   *  @param {{ id?: string, source?: string, meta?: Record<string, unknown> }} [more] */
  async publish(event, data, { id = randomUUID(), source, meta } = {}) {
    checkName("event", event);
    checkName("id", id);
    const message = {
      type: "publish", id, event,
      source: source === undefined ? undefined : checkName("source", source),
      data: this.#map("data", data), meta: this.#map("meta", meta),
    };
    const waiting = this.#events.get(id);
    if (waiting)
      return waiting.promise;
    if (this.#session.state === "OVER")
      throw new Refused("unavailable", "the worker has ended");
    if (!this.#session.publish(message))
      throw new Refused("overloaded", "too many events wait for the engine");
    const deferred = new Deferred();
    this.#events.set(id, deferred);
    if (this.#ended)
      this.#turn();
    return deferred.promise;
  }

  #onSignal = () => this.stop();

  /** @param {string} name @param {unknown} value */
  #map(name, value) {
    if (value === undefined)
      return undefined;
    if (value === null || typeof value !== "object" || Array.isArray(value))
      throw new TypeError(`${name}: not an object`);
    const map = packed(value, name);
    if (map.bytes.length > this.#session.payloadMax)
      throw new Refused("too_large", `${name} of ${map.bytes.length} bytes, ` +
        `${this.#session.payloadMax} at most`);
    return map;
  }

  // The turn.

  #turn() {
    const session = this.#session, now = performance.now();
    session.tick(now);
    for (const effect of session.effects.splice(0))
      this.#carryOut(effect);
    if (session.state === "OVER")
      return this.#end();
    void this.#say();
    this.#arm(now);
  }

  /** The only one who sends, and one message at a time: it may have to wait for room. */
  async #say() {
    if (this.#saying)
      return;
    this.#saying = true;
    for (let message; (message = this.#session.next(performance.now()));)
      await this.#line?.send(pack(message));
    this.#saying = false;
    if (this.#session.state === "OVER") // goodbye has been said
      this.#end();
  }

  /** @param {number} now */
  #arm(now) {
    const at = Math.min(this.#session.due(), now + TIMER_MAX_MS);
    if (this.#timerAt <= at)
      return;
    clearTimeout(this.#timer);
    this.#timerAt = at;
    this.#timer = setTimeout(() => {
      this.#timerAt = Infinity;
      // First what has arrived: whoever was blocked for long would seem to hear nothing.
      setImmediate(() => this.#turn());
    }, at > now ? Math.ceil(at - now) : BLOCKED_MS);
  }

  #end() {
    const session = this.#session;
    clearTimeout(this.#timer);
    this.#timerAt = -Infinity;
    SIGNALS.forEach((signal) => process.off(signal, this.#onSignal));
    this.#disconnect(LINGER_MS);
    for (const id of [...this.#events.keys()])
      this.#unpublished(id, "unavailable", "the worker has ended");
    if (session.refused)
      this.#ended?.reject(new Refused(session.refused.code, session.refused.message));
    else
      this.#ended?.resolve(session.unfinished);
  }

  // What the session asks for.

  /** @param {Effect} effect */
  #carryOut(effect) {
    switch (effect.do) {
    case "connect": return this.#connect();
    case "disconnect": return this.#disconnect(0);
    case "start": return void this.#act(effect.lease, new Job(effect.job,
      (stream, text) => {
        this.#session.log(effect.lease, stream, text);
        this.#turn();
      }));
    case "abort": return this.#jobs.get(effect.lease)?.abort(effect.name, effect.why);
    case "published":
      this.#events.get(effect.id)?.resolve(effect.number);
      this.#events.delete(effect.id);
      return;
    case "unpublished":
      return this.#unpublished(effect.id, effect.code, effect.message);
    case "tell":
      // eslint-disable-next-line no-control-regex
      this.#options.log(effect.level, effect.line.replace(/[\x00-\x1f\x7f]/g, "?"));
    }
  }

  #connect() {
    const { url, serverKey, plain, key, concurrency } = this.#options;
    const session = this.#session;
    const turnAfter = (/** @type {(now: number) => void} */ what) => {
      what(performance.now());
      this.#turn();
    };
    try {
      this.#line = new Line({
        url, serverKey, password: plain ? key() : undefined, queue: 2 * concurrency + 64,
      }, {
        connected: () => turnAfter((now) => session.connected(now, key())),
        broken: (why) => turnAfter((now) => session.broken(now, why)),
        denied: () => turnAfter((now) =>
          session.refuse(now, "unauthorized", "the gateway did not let us connect")),
        heard: (frame) => turnAfter((now) => session.hear(now, frame && unpack(frame))),
      });
    } catch (error) {
      turnAfter((now) => session.refuse(now, "invalid",
        `url ${url}: ${/** @type {Error} */ (error).message}`));
    }
  }

  /** @param {number} lingerMs */
  #disconnect(lingerMs) {
    this.#line?.close(lingerMs);
    this.#line = undefined;
  }

  /** @param {string} id @param {string} code @param {string} message */
  #unpublished(id, code, message) {
    this.#events.get(id)?.reject(new Refused(code, message));
    this.#events.delete(id);
  }

  /** @param {Lease} lease @param {Job} job */
  async #act(lease, job) {
    this.#jobs.set(lease, job);
    await undefined; // not within the turn that heard of it
    const outcome = await this.#outcome(lease, job);
    this.#jobs.delete(lease);
    this.#session.returned(lease, outcome);
    this.#turn();
  }

  /** @param {Lease} lease @param {Job} job @returns {Promise<Outcome>} */
  async #outcome(lease, job) {
    const action = this.#actions.get(job.action) ?? this.#fallback;
    if (!action)
      return failed("UnknownAction", `this worker has no action ${job.action}`);
    try {
      const output = await action(job);
      return lease.cancelled && output === undefined ? { outcome: "cancelled" }
        : completed(output, this.#session.payloadMax);
    } catch (error) {
      return lease.cancelled ? { outcome: "cancelled" }
        : failure(error, job.retryAfterMs);
    }
  }
}

/** A promise, and how to settle it. */
class Deferred {
  /** @type {(value: number) => void} */
  resolve = () => {};
  /** @type {(error: Error) => void} */
  reject = () => {};
  /** @type {Promise<number>} */
  promise = new Promise((resolve, reject) => {
    this.resolve = resolve;
    this.reject = reject;
  });
}

/** @param {unknown} output @param {number} max @returns {Outcome} */
function completed(output, max) {
  if (output === undefined)
    return { outcome: "completed" };
  try {
    const value = packed(output, "output");
    return value.bytes.length <= max ? { outcome: "completed", output: value }
      : failed("OutputTooLarge", `${value.bytes.length} bytes, ${max} at most`);
  } catch (error) {
    return failed("InvalidOutput", said(error));
  }
}

/** @param {unknown} error @param {number} laterMs @returns {Outcome} */
function failure(error, laterMs) {
  const { name, constructor } = error instanceof Error ? error : new Error();
  // A class that extends Error has its own name only if somebody gave it one.
  const type = said(name === "Error" ? constructor.name : name);
  if (error instanceof Fatal)
    return failed(type || "Error", said(error), "fatal");
  return { ...failed(type || "Error", said(error)),
    ...(laterMs > 0 ? { retry_after_ms: laterMs } : {}) };
}

/** @param {string} type @param {string} message @param {"failed" | "fatal"} [outcome] */
function failed(type, message, outcome = "failed") {
  return {
    outcome, error_type: clipped(type, ERROR_TYPE_MAX),
    error_message: clipped(message, ERROR_MESSAGE_MAX),
  };
}

/** For people, whatever was thrown. @param {unknown} error */
function said(error) {
  try {
    return String(error instanceof Error ? error.message : error);
  } catch {
    return "what was thrown has no text";
  }
}
