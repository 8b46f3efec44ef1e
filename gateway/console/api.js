/* The engine, as its native API shows it: docs/protocols/http.md.
 *
 * Whatever goes wrong is a Failure, whose message is for people. */
import { again } from "./steady.js";

const KEY = "capstan.key";
const ANSWER_MS = 30000;
const SILENCE_MS = 45000; // three of the lines that a stream has while nothing happens

// The console lies one folder below the paths of the engine.
const root = new URL("../", document.baseURI);

export const key = {
  get: () => sessionStorage.getItem(KEY),
  set: (text) => sessionStorage.setItem(KEY, text),
  forget: () => sessionStorage.removeItem(KEY),
};

export class Failure extends Error {
  /* `status` 0: nobody answered. */
  constructor(message, status = 0) {
    super(message);
    this.status = status;
    this.passing = [0, 429, 503, 504].includes(status);
  }
}

/* A detail as the tool shows it: its place, and what is wrong there. */
function place({ line, column, path, message }) {
  return [line && `${line}:${column}`, path, message].filter(Boolean).join(": ");
}

async function refusal(answer) {
  const { error } = await answer.json().catch(() => ({}));
  const said = error ? [error.message, ...(error.details ?? []).map(place)]
    : [`the answer was ${answer.status}, and not that of an engine`];
  return new Failure(said.join("\n"), answer.status);
}

async function ask(method, path, { body, headers, signal }) {
  const said = { Authorization: `Bearer ${key.get() ?? ""}`, ...headers };
  if (body !== undefined) said["Content-Type"] = "application/json";
  let answer;
  try {
    answer = await fetch(new URL(path, root), {
      method, signal, headers: said, body: body && JSON.stringify(body),
      cache: "no-store", credentials: "omit", redirect: "error",
    });
  } catch {
    throw new Failure(method === "GET" ? "the engine does not answer"
      : "the engine does not answer: look whether it was done");
  }
  if (!answer.ok) throw await refusal(answer);
  return answer;
}

/* Parts of a path, and an object as its query, whose empty values are left out. */
export function path(...parts) {
  const query = new URLSearchParams();
  const asked = typeof parts.at(-1) === "object" ? parts.pop() : {};
  for (const [name, value] of Object.entries(asked))
    if (value !== null && value !== undefined && value !== "") query.set(name, value);
  return ["capstan/v1", ...parts.map(encodeURIComponent)].join("/")
    + (query.size ? `?${query}` : "");
}

/* A whole number that JavaScript would round is its own digits, and goes out as it came
 * in; older browsers round it. */
const exact = (name, value, at) => /^-?\d+$/.test(at?.source) && JSON.rawJSON
  && !Number.isSafeInteger(value) ? JSON.rawJSON(at.source) : value;
export const parse = (text) => JSON.parse(text, exact);

async function whole(read, method, path, body, signal) {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_MS)]);
  const answer = await ask(method, path, { body, signal: limit });
  try {
    return read(await answer.text());
  } catch {
    throw new Failure("the answer broke off");
  }
}

export const get = (path, signal) => whole(parse, "GET", path, undefined, signal);
export const getText = (path, signal) => whole(String, "GET", path, undefined, signal);
export const post = (path, body, signal) => whole(parse, "POST", path, body, signal);

/* The events of a stream of server-sent events, each of which is one line of JSON;
 * `heard` is called whenever something came. */
async function* events(body, heard) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  for (let rest = ""; ;) {
    const { value, done } = await reader.read().catch(() => {
      throw new Failure("the connection to the engine broke off");
    });
    if (done) return;
    heard();
    const blocks = (rest + value).split("\n\n");
    rest = blocks.pop();
    for (const block of blocks) {
      const data = block.split("\n").find((line) => line.startsWith("data: "));
      if (data) yield parse(data.slice("data: ".length));
    }
  }
}

/* Follow a stream behind the event `after`, over every disconnection, until it ends and
 * is `over`: `each` gets every event once, in order.  `number` names their number. */
export async function follow(path, { after, number, each, over, signal }) {
  await again(path, 500, signal, async (well) => {
    const silent = new AbortController();
    let timer;
    const heard = () => {
      clearTimeout(timer);
      timer = setTimeout(() => silent.abort(), SILENCE_MS);
    };
    try {
      heard();
      const answer = await ask("GET", path, {
        headers: { Accept: "text/event-stream", "Last-Event-ID": String(after) },
        signal: AbortSignal.any([signal, silent.signal]),
      });
      well();
      for await (const event of events(answer.body, heard)) {
        if (event[number] <= after) continue;
        after = event[number];
        each(event);
      }
    } finally {
      clearTimeout(timer);
    }
    return over();
  });
}
