// A worker of iii that does what it is told, one JSON line at a time, and says what it
// heard: node worker.mjs MODULE NAME.  journeys.py tells it.
import { createHash } from "node:crypto";
import { createInterface } from "node:readline";

const [, , module, name] = process.argv;
const sdk = await import(module);
const say = (line) => process.stdout.write(`@${JSON.stringify(line)}\n`);
const worker = sdk.registerWorker(process.env.III_URL, {
  workerName: name,
  otel: { enabled: process.env.WITH_OTEL === "1" },
  reconnectionConfig: { initialDelayMs: 200, maxDelayMs: 500 },
});
const waiting = new Map();
const triggers = new Map();

const kinds = {
  add: async (d) => ({ c: d.a + d.b }),
  echo: async (d, metadata) => ({ data: d, metadata }),
  nothing: async () => {},
  boom: async () => {
    throw new Error("boom");
  },
  page: async (d) => ({
    status_code: 201,
    headers: { "X-From": name },
    body: { id: d.path_params.id, q: d.query_params, body: d.body },
  }),
  stream: async ({ response }) => {
    const tell = (line) => response.sendMessage(JSON.stringify(line));
    tell({ type: "set_status", status_code: 202 });
    tell({ type: "set_headers", headers: { "Content-Type": "text/plain" } });
    for (let i = 0; i < 5; i++) response.stream.write(`${i}`.repeat(100000));
    response.stream.end();
  },
  upload: async (d) => ({ body: { size: (await d.request_body.readAll()).length } }),
  send: async ({ writer, pieces }) => {
    for (let i = 0; i < pieces; i++) writer.stream.write(Buffer.alloc(65536, i % 256));
    writer.stream.end();
  },
  receive: async ({ reader }) => {
    const all = await reader.readAll();
    return { size: all.length, sha: createHash("sha256").update(all).digest("hex") };
  },
  slow: (d) => new Promise((done) => waiting.set(d.tag ?? "", done)),
};

// Channels are live objects here, and no JSON.
const shown = (data) =>
  data instanceof Object && !Array.isArray(data)
    ? { ...data, request_body: 0, response: 0, reader: 0, writer: 0 }
    : data;

const verbs = {
  function: ({ id, kind, metadata }) =>
    worker.registerFunction(
      id,
      async (data, more) => {
        say({ heard: id, data: shown(data), metadata: more });
        return kinds[kind](data, more);
      },
      { metadata, description: `it is ${kind}` },
    ),
  finish: ({ tag, result }) => waiting.get(tag ?? "")(result),
  trigger: ({ id, type, function_id, config }) =>
    triggers.set(id, worker.registerTrigger({ type, function_id, config: config ?? {} })),
  untrigger: ({ id }) => triggers.get(id).unregister(),
  provide: ({ id }) =>
    worker.registerTriggerType(
      { id, description: "of a test" },
      {
        registerTrigger: async (c) => {
          say({ bound: c.function_id, config: c.config });
          if (c.config.refuse) throw new Error("conflict of routes");
        },
        unregisterTrigger: async () => say({ unbound: id }),
      },
    ),
  call: async ({ tag, function_id, payload, action, timeoutMs }) => {
    const asked = { function_id, payload, timeoutMs };
    if (action === "void") asked.action = sdk.TriggerAction.Void();
    if (action === "enqueue") asked.action = sdk.TriggerAction.Enqueue({ queue: "q" });
    try {
      const result = await worker.trigger(asked);
      say({ tag, result, missing: result === undefined });
    } catch (error) {
      say({ tag, code: error.code, message: error.message, kind: error.constructor.name });
    }
  },
  shutdown: async () => {
    await worker.shutdown();
    say({ tag: "shutdown" });
  },
};

for await (const line of createInterface({ input: process.stdin })) {
  const told = JSON.parse(line);
  void verbs[told.do](told);
}
process.exit(0);
