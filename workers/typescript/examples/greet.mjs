// A worker: CAPSTAN_API_KEY=cap_… node greet.mjs
import { setTimeout } from "node:timers/promises";
import { Fatal, Worker } from "capstan-worker";

const worker = new Worker({ concurrency: 8 });

worker.action("greet", async (job) => {
  const { name, seconds = 0 } = job.parameters;
  if (!name) throw new Fatal("there is no name", { type: "InvalidInput" });
  job.log(`greeting ${name}\n`);
  // What takes long looks at the signal: the run may be cancelled, the lease lost.
  await setTimeout(seconds * 1000, undefined, { signal: job.signal });
  return { greeting: `Hello, ${name}!` };
});

process.exit(await worker.run() === 0 ? 0 : 1);
