// The worker that journeys.py tells what to do: by the action's name, and by OPTIONS.
import { setTimeout } from "node:timers/promises";
import { Fatal, Worker } from "capstan-worker";

class CardDeclined extends Error {}

const worker = new Worker(JSON.parse(process.env.OPTIONS ?? "{}"));
const say = (line) => process.stdout.write(line + "\n");
const block = (ms) => {
  for (const end = performance.now() + ms; performance.now() < end;);
};

worker
  .action("echo", (job) => job.parameters)
  .action("describe", ({ id, run, step, automation, action, queue, attempt, deadline }) =>
    ({ id, run, step, automation, action, queue, attempt, deadline }))
  .action("decline", () => { throw new CardDeclined("no money"); })
  .action("decline-later", async () => { throw new CardDeclined("ü".repeat(5000)); })
  .action("put-off", (job) => {
    job.retryAfter(job.parameters.ms);
    throw new Error("busy");
  })
  .action("throw-text", () => { throw "just a text"; })
  .action("throw-nothing", () => { throw Object.create(null); })
  .action("fatal", () => { throw new Fatal("never", { type: "NoSuchCard" }); })
  .action("large", ({ parameters }) => "x".repeat(parameters.size))
  .action("odd", () => ({ list: [1, () => 2] }))
  .action("hold", async ({ id, signal }) => {
    say(`begun ${id}`);
    try {
      await setTimeout(600000, undefined, { signal });
    } catch (error) {
      say(`aborted ${id} ${signal.reason.name}: ${signal.reason.message}`);
      throw error;
    }
  })
  .action("finish-anyway", async ({ signal }) => {
    await setTimeout(600000, undefined, { signal }).catch(() => {});
    return "it was done";
  })
  .action("after-cancel", async (job) => {
    const { parameters: { how }, signal } = job;
    job.log("waits");
    await setTimeout(600000, undefined, { signal }).catch(() => {});
    if (how === "output")
      return "done";
    if (how !== "nothing")
      throw how === "fatal" ? new Fatal("no") : new CardDeclined("no");
  })
  .action("deaf", ({ id }) => {
    say(`begun ${id}`);
    return setTimeout(600000);
  })
  .action("log", (job) => {
    for (const [text, stream] of job.parameters.texts)
      job.log(text, stream);
  })
  .action("publish", ({ parameters: { event, data, more } }) =>
    worker.publish(event, data, more))
  .action("publish-aside", () => {
    worker.publish("aside").catch((error) => say(`not published: ${error.code}`));
  })
  .action("publish-many", async ({ parameters: { count, size } }) => {
    const asked = Array.from({ length: count }, (_, n) =>
      worker.publish("many", { text: "x".repeat(size) }, { id: `event-${n}` }));
    await setTimeout(50);
    say("waits");
    return (await Promise.all(asked)).length;
  })
  .action("block", ({ parameters: { ms } }) => block(ms))
  .action("block-and-hold", async ({ id, signal, parameters: { ms } }) => {
    say(`begun ${id}`);
    block(ms);
    await setTimeout(600000, undefined, { signal });
  })
  .action("nap", async ({ parameters }) => {
    await setTimeout(300);
    say(`napped ${parameters.n}`);
    return parameters;
  })
  .action("stop", () => worker.stop());

if (process.env.FALLBACK)
  worker.fallback((job) => job.action);
try {
  const left = await worker.run();
  say(`left ${left}`);
  if (process.env.STAY)
    setInterval(() => {}, 1000);
  if (left) // else nothing is left that keeps the process alive
    process.exit(left);
} catch (error) {
  say(`${error.name} ${error.code}`);
  process.exit(70);
}
