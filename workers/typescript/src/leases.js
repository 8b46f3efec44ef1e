/* leases - the rights to do jobs, and the actions that run with and without one.
 *
 *            action returned, or not begun              ack, lost
 *   RUNNING ------------------------------> REPORTED ------------> gone
 *      | lost while the action runs      action returned
 *      +----------------------------> ORPHAN ------------> gone
 */

const TOKEN_MAX = 255; // bytes

/** @typedef {import("./sayings.js").Saying} Saying */

export class Lease {
  /** @type {"RUNNING" | "REPORTED" | "ORPHAN"} */
  state = "RUNNING";
  cancelled = false;
  /** @type {Saying | undefined} */
  report;
  refused = false; // the gateway would not have the first report

  /** @param {string} key @param {unknown} token @param {string} id - of the job */
  constructor(key, token, id) {
    this.key = key;
    this.token = token;
    this.id = id;
  }
}

export class Leases {
  running = 0; // actions under way with a lease
  orphans = 0; // and without
  /** @type {Map<string, Lease>} */
  #held = new Map();

  get size() {
    return this.#held.size;
  }

  /** @param {unknown} token @returns {Lease | undefined} */
  find(token) {
    return this.#held.get(keyOf(token));
  }

  /** All tokens, as they came. */
  tokens() {
    return Array.from(this.#held.values(), (lease) => lease.token);
  }

  withoutReport() {
    return [...this.#held.values()].filter((lease) => lease.state === "RUNNING");
  }

  /** A new one; undefined if it is held already or has no token.
   *  @param {unknown} token @param {string} id */
  open(token, id) {
    const key = keyOf(token);
    if (key === "" || this.#held.has(key))
      return undefined;
    const lease = new Lease(key, token, id);
    this.#held.set(key, lease);
    this.running++;
    return lease;
  }

  /** Its action is over. False if the lease was lost before. @param {Lease} lease */
  reported(lease) {
    if (lease.state === "ORPHAN") {
      this.orphans--;
      return false;
    }
    if (lease.state === "RUNNING")
      this.running--;
    lease.state = "REPORTED";
    return true;
  }

  /** It is not ours any more. True if its action still runs. @param {Lease} lease */
  lose(lease) {
    this.#held.delete(lease.key);
    if (lease.state !== "RUNNING")
      return false;
    lease.state = "ORPHAN";
    this.running--;
    this.orphans++;
    return true;
  }
}

/** A token's key in a Map; "": it is none. @param {unknown} token */
function keyOf(token) {
  const bytes = token instanceof Uint8Array ? token
    : Buffer.from(typeof token === "string" ? token : "");
  return bytes.length > TOKEN_MAX ? ""
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");
}
