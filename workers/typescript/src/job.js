/* job - what an action sees of one. */

/** @import * as Header from "../capstan-worker.js" */

const RETRY_AFTER_MAX_MS = 86400000;

/** @implements {Header.Job} */
export class Job {
  #abort = new AbortController();
  /** 0: as the step says. */
  retryAfterMs = 0;
  #log;

  /** @param {import("./wire.js").Message} message
   *  @param {(stream: string, text: string) => void} log */
  constructor(message, log) {
    this.id = String(message.job);
    this.run = String(message.run);
    this.step = String(message.step);
    this.automation = String(message.automation);
    this.action = String(message.action);
    this.queue = String(message.queue);
    this.attempt = Number(message.attempt);
    this.deadline = message.deadline_ms ? new Date(message.deadline_ms) : undefined;
    this.parameters = message.parameters ?? {};
    this.#log = log;
  }

  get signal() {
    return this.#abort.signal;
  }

  /** @param {string} text @param {string} [stream] */
  log(text, stream = "stdout") {
    this.#log(String(stream), String(text));
  }

  /** @param {number} ms */
  retryAfter(ms) {
    this.retryAfterMs = Math.round(Math.min(Math.max(Number(ms), 0), RETRY_AFTER_MAX_MS)) || 0;
  }

  /** @param {string} name @param {string} why */
  abort(name, why) {
    this.#abort.abort(Object.assign(new Error(why), { name }));
  }
}
