/* options - what a worker is told, checked, and where it is told nothing the defaults. */
import { randomInt } from "node:crypto";
import { readFileSync } from "node:fs";
import { hostname } from "node:os";

/** @typedef {import("../capstan-worker.js").Options} Given */
/** @typedef {ReturnType<typeof optionsOf>} Options */
/** @typedef {Record<string, string | undefined>} Environment */

const PORT = 5170;
const NAME_MAX = 200; // bytes
const NAMES_MAX = 256;
const CONCURRENCY_MAX = 4096; // no engine lets one session hold more
const KEY_MAX = 255; // bytes
const DRAIN_MS = 10000;
const DRAIN_MAX_MS = 86400000; // that the environment may say
const MS_MAX = 2 ** 31 - 1;
const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** @param {Given} given @param {Environment} env */
export function optionsOf(given, env) {
  const url = given.url || urlOf(env);
  const key = given.key ?? (env.CAPSTAN_API_KEY || undefined);
  const serverKey = given.serverKey ?? (env.CAPSTAN_SERVER_KEY || undefined);
  if (serverKey !== undefined && serverKey.length !== 40)
    throw new TypeError("serverKey: a key of CURVE has 40 characters");
  if (key !== undefined && Buffer.byteLength(key) > KEY_MAX)
    throw new TypeError(`key: it is longer than ${KEY_MAX} bytes`);
  return {
    url, serverKey,
    /** Asked at each registration: an engine may have got its data folder since. */
    key: () => key ?? (isLocal(url) ? developmentKey(env) : ""),
    instance: checkName("instance", given.instance || instanceOf(env)),
    name: optional("name", given.name ?? env.III_WORKER_NAME),
    version: optional("version", given.version),
    environment: optional("environment", given.environment),
    queues: names("queues", given.queues),
    labels: names("labels", given.labels),
    actions: given.actions && names("actions", given.actions),
    concurrency: within("concurrency", given.concurrency ?? 1, 1, CONCURRENCY_MAX),
    heartbeatMs: within("heartbeatMs", given.heartbeatMs ?? MS_MAX, 1, MS_MAX),
    drainMs: within("drainMs", given.drainMs ?? drainOf(env), 0, MS_MAX),
    resendMs: within("resendMs", given.resendMs ?? 2000, 1, MS_MAX),
    plain: given.plain ?? false,
    signals: given.signals ?? true,
    log: given.log ?? ((level, line) => process.stderr.write(`${level} worker ${line}\n`)),
  };
}

/** The name, if it is one. @param {string} what @param {unknown} name */
export function checkName(what, name) {
  if (typeof name !== "string")
    throw new TypeError(`${what}: a name is a string`);
  const size = Buffer.byteLength(name);
  if (size === 0 || size > NAME_MAX)
    throw new TypeError(`${what}: a name has 1 to ${NAME_MAX} bytes, not ${size}`);
  if (/[\x00-\x1f\x7f]|\p{Surrogate}/u.test(name))
    throw new TypeError(`${what}: a name holds a character that is not of a text`);
  return name;
}

/** @param {string} what @param {string | undefined} name */
function optional(what, name) {
  return name ? checkName(what, name) : undefined;
}

/** @param {string} what @param {string[]} [list] */
function names(what, list = []) {
  if (!Array.isArray(list) || list.length > NAMES_MAX)
    throw new TypeError(`${what}: not a list of at most ${NAMES_MAX} names`);
  return list.map((name) => checkName(what, name));
}

/** @param {string} what @param {number} value @param {number} min @param {number} max */
function within(what, value, min, max) {
  if (!Number.isInteger(value) || value < min || value > max)
    throw new TypeError(`${what}: ${value} is no integer of ${min} to ${max}`);
  return value;
}

/** The engine tells those that it starts when it will kill them. @param {Environment} env */
function drainOf(env) {
  const said = env.CAPSTAN_DRAIN_MS;
  if (!said)
    return DRAIN_MS;
  if (!/^[0-9]+$/.test(said) || Number(said) > DRAIN_MAX_MS)
    throw new TypeError(
      `CAPSTAN_DRAIN_MS: '${said}' is no number of ms up to ${DRAIN_MAX_MS}`);
  return Number(said);
}

/** Brackets of IPv6 included. @param {string} url */
function hostOf(url) {
  return /^(?:[a-z]+:\/\/)?(\[[^\]]*\]|[^:/]*)/i.exec(url)?.[1] ?? "";
}

/** @param {Environment} env */
function urlOf(env) {
  const host = env.CAPSTAN_URL ? hostOf(env.CAPSTAN_URL) : "127.0.0.1";
  return env.CAPSTAN_WORKER_URL || `tcp://${host}:${PORT}`;
}

/** @param {string} url */
function isLocal(url) {
  return url.startsWith("ipc://") || /^(127\..*|localhost|\[::1\])$/.test(hostOf(url));
}

/** The first line of dev.key in the engine's data folder. @param {Environment} env */
function developmentKey(env) {
  const folder = env.CAPSTAN_DATA || (env.XDG_DATA_HOME && `${env.XDG_DATA_HOME}/capstan`)
    || (env.HOME && `${env.HOME}/.local/share/capstan`);
  try {
    return readFileSync(`${folder}/dev.key`, "utf8").split(/\r?\n/, 1)[0];
  } catch {
    return ""; // the engine will say so
  }
}

/** @param {number} count */
function chance(count) {
  return Array.from({ length: count }, () => ALPHABET[randomInt(32)]).join("");
}

/** Who this process is, when nobody says so. @param {Environment} env */
function instanceOf(env) {
  // A revision of Cloud Run has many instances; they all have the same host name.
  if (env.K_REVISION)
    return `${env.K_REVISION.slice(0, 180)}-${chance(8)}`;
  // A pod's host name is the pod's; elsewhere two workers may share one.
  const own = (env.KUBERNETES_SERVICE_HOST && env.HOSTNAME) || env.FLY_MACHINE_ID
    || env.RAILWAY_REPLICA_ID || env.RENDER_INSTANCE_ID;
  return own || (hostname() ? `${hostname().slice(0, 180)}-${chance(8)}` : chance(26));
}
