/* A worker by the TypeScript SDK in MOBIUS_SDK: does what the tests tell its actions.
 * Says "began <name>" and "done <name>" on a line each. */
const { Client, Worker } = await import(process.env.MOBIUS_SDK);
const say = (line) => process.stdout.write(line + "\n");
const options = JSON.parse(process.argv[2]);
const client = new Client({
  apiKey: options.key ?? "mbx_none",
  baseURL: options.url,
  project: "platform",
});
const nap = (ms, signal) =>
  new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      say("aborted");
      reject(new Error("aborted"));
    });
  });
const worker = new Worker(client, {
  workerInstanceId: options.instance,
  name: "ts-worker",
  version: "1.0",
  concurrency: options.concurrency ?? 1,
  queues: options.queues,
  logger: options.loud ? undefined : null,
});
worker.register("print", async ({ message }) => ({ output: message }));
worker.register("fail", async ({ message }) => {
  throw new Error(message ?? "as asked");
});
worker.register("nap", async ({ ms, name }, signal) => {
  say(`began ${name}`);
  await nap(ms, signal);
  say(`done ${name}`);
  return { name };
});
/* It holds the loop: no heartbeat leaves meanwhile. */
worker.register("freeze", async ({ ms, name }) => {
  say(`began ${name}`);
  const end = Date.now() + ms;
  while (Date.now() < end);
  say(`done ${name}`);
  return { name };
});
try {
  await worker.run();
  say("returned");
} catch (error) {
  say(`threw ${error.constructor.name}`);
}
process.exit(0);
