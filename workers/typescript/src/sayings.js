/* sayings - what is said again until it is answered: reports and events. */

const RESENDS = [1, 2, 4, 5]; // times the first wait: 2, 4, 8, then each 10 s

/** @typedef {import("./wire.js").Message} Message */

export class Saying {
  resends = 0;
  dueAt = 0;

  /** @param {Message} message */
  constructor(message) {
    this.message = message;
  }
}

export class Sayings {
  /** When `tick` must be called: no later than the first is due. */
  dueAt = Infinity;
  #resendMs;
  /** @type {Set<Saying>} */
  #outgoing = new Set(); // to be said, in order
  /** @type {Set<Saying>} */
  #said = new Set(); // and not yet answered

  /** @param {number} resendMs - the first wait */
  constructor(resendMs) {
    this.#resendMs = resendMs;
  }

  /** @param {Message} message */
  add(message) {
    const saying = new Saying(message);
    this.#outgoing.add(saying);
    return saying;
  }

  /** It is answered, or nobody wants to know any more. @param {Saying | undefined} saying */
  drop(saying) {
    if (!saying)
      return;
    this.#outgoing.delete(saying);
    this.#said.delete(saying);
  }

  /** The next one, which counts as said. @param {number} now */
  next(now) {
    for (const saying of this.#outgoing) {
      this.#outgoing.delete(saying);
      this.#said.add(saying);
      const wait = RESENDS[Math.min(saying.resends++, RESENDS.length - 1)];
      saying.dueAt = now + wait * this.#resendMs;
      this.dueAt = Math.min(this.dueAt, saying.dueAt);
      return saying.message;
    }
    return undefined;
  }

  /** @param {number} now */
  tick(now) {
    if (now < this.dueAt)
      return;
    this.dueAt = Infinity;
    for (const saying of this.#said)
      if (saying.dueAt <= now) {
        this.#said.delete(saying);
        this.#outgoing.add(saying);
      } else {
        this.dueAt = Math.min(this.dueAt, saying.dueAt);
      }
  }

  /** Whoever heard them has forgotten. */
  sayAllAgain() {
    for (const saying of this.#said) {
      saying.resends = 0;
      this.#outgoing.add(saying);
    }
    this.#said.clear();
    this.dueAt = Infinity;
  }
}
