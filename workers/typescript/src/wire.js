/* wire - values as msgpack and back.
 *
 * Texts leave as UTF-8, integers as integers; an integer that a number cannot hold
 * exactly is a bigint on this side.  Extension types are neither written nor read.
 */
import { Decoder, Encoder } from "@msgpack/msgpack";

/** @typedef {Record<string, any>} Message */

const DEPTH_MAX = 31; // of a value: the frame around it is one of the protocol's 32
const INT_MIN = -(2n ** 63n), UINT_MAX = 2n ** 64n - 1n;

const noExtensions = {
  tryToEncode: () => null,
  decode() {
    throw new RangeError("an extension type");
  },
};
/** The decoder refuses a key `__proto__`, and with it the frame: a job that nobody could
 *  even fail.  So it reads another. */
const otherKeys = {
  canBeCached: (/** @type {number} */ size) => size === 9,
  decode(/** @type {Uint8Array} */ bytes, /** @type {number} */ at, /** @type {number} */ size) {
    const key = Buffer.from(bytes.buffer, bytes.byteOffset + at, size).toString();
    return key === "__proto__" ? "__proto_" : key;
  },
};
const encoder = new Encoder({
  useBigInt64: true, ignoreUndefined: true, extensionCodec: noExtensions,
});
const decoder = new Decoder({
  useBigInt64: true, extensionCodec: noExtensions, keyDecoder: otherKeys,
});

/** A value that is msgpack already. */
export class Packed {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes;
  }
}

/** A value of the user's, checked.  Throws a TypeError that says where it is wrong.
 *  @param {unknown} value @param {string} name - for the error */
export function packed(value, name) {
  try {
    return new Packed(encoder.encode(plain(value, 0)));
  } catch (error) {
    if (error instanceof Unpackable)
      throw new TypeError(`${name}${error.path}: ${error.message}`);
    throw error; // of a getter or a toJSON
  }
}

/** One frame.  Pairs whose value is Packed are written as they are.
 *  @param {Message} message */
export function pack(message) {
  /** @type {Message} */
  const head = {};
  /** @type {Uint8Array[]} */
  const rest = [];
  for (const [name, value] of Object.entries(message))
    if (value instanceof Packed)
      rest.push(encoder.encode(name), value.bytes);
    else
      head[name] = value;
  const first = encoder.encode(head);
  first[0] += rest.length / 2; // the count: no message has more than 15 pairs
  return rest.length ? Buffer.concat([first, ...rest]) : first;
}

/** A frame's message; undefined if it makes no sense.
 *  @param {Uint8Array} frame @returns {Message | undefined} */
export function unpack(frame) {
  try {
    const message = narrowed(decoder.decode(frame));
    return typeof message?.type === "string" ? message : undefined;
  } catch {
    return undefined;
  }
}

/** The front of a text, at most `max` bytes of UTF-8, cut between characters; as long as
 *  what it is the front of. @param {string} text @param {number} max */
export function clipped(text, max) {
  for (let end = Math.min(text.length, max);;) {
    if (end < text.length && /[\ud800-\udbff]/.test(text[end - 1]))
      end--;
    const front = wellFormed(text.slice(0, end));
    const over = Buffer.byteLength(front) - max;
    if (over <= 0)
      return front;
    end -= Math.ceil(over / 3); // a unit of UTF-16 has three bytes at most
  }
}

/** Half a surrogate pair has no UTF-8. @param {string} text */
function wellFormed(text) {
  return /\p{Surrogate}/u.test(text) ? text.replace(/\p{Surrogate}/gu, "\ufffd") : text;
}

class Unpackable extends Error {
  path = "";
}

/** What the encoder writes as it should. @returns {unknown}
 *  @param {any} value @param {number} depth */
function plain(value, depth) {
  switch (typeof value) {
  case "string":
    return wellFormed(value);
  case "number":
    if (!Number.isFinite(value))
      throw new Unpackable(`${value} is no number of JSON`);
    // Beyond 32 bits the encoder writes integers only from a bigint.
    return Number.isSafeInteger(value) && Math.abs(value) > 0x7fffffff ? BigInt(value)
      : value;
  case "bigint":
    if (value < INT_MIN || value > UINT_MAX)
      throw new Unpackable("an integer of more than 64 bits");
    return value;
  case "object":
    return value === null || ArrayBuffer.isView(value) ? value
      : plainObject(value, depth + 1);
  case "undefined":
  case "boolean":
    return value;
  default:
    throw new Unpackable(`a ${typeof value} cannot be sent`);
  }
}

/** @param {any} value @param {number} depth @returns {unknown} */
function plainObject(value, depth) {
  if (depth > DEPTH_MAX)
    throw new Unpackable(`nested more than ${DEPTH_MAX} deep`);
  if (typeof value.toJSON === "function")
    return plain(value.toJSON(), depth);
  if (value instanceof Map || value instanceof Set)
    throw new Unpackable("a Map or a Set; make it an object or a list");
  if (Array.isArray(value))
    return value.map((item, i) => below(i, item, depth));
  return Object.fromEntries(Object.keys(value).map((name) =>
    [wellFormed(name), below(name, value[name], depth)]));
}

/** @param {string | number} at @param {unknown} value @param {number} depth */
function below(at, value, depth) {
  try {
    return plain(value, depth);
  } catch (error) {
    if (error instanceof Unpackable)
      error.path = (typeof at === "number" ? `[${at}]` : `.${at}`) + error.path;
    throw error;
  }
}

/** Integers that fit are numbers. @param {any} value @returns {any} */
function narrowed(value) {
  if (typeof value === "bigint") {
    const number = Number(value);
    return Number.isSafeInteger(number) ? number : value;
  }
  if (value === null || typeof value !== "object" || ArrayBuffer.isView(value))
    return value;
  for (const name in value)
    value[name] = narrowed(value[name]);
  return value;
}
