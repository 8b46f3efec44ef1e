// BullMQ doing what the bench automations do: `worker` takes jobs of so many durable
// steps, in the way of its guide's "process step jobs"; `client` adds a job and waits
// until it is finished.
import { Queue, QueueEvents, Worker } from "bullmq";
import { answerRounds } from "./rounds.mjs";

const connection = { host: "127.0.0.1", port: Number(process.env.PORT),
  maxRetriesPerRequest: null };

async function work(job) {
  let result = null;
  for (let n = job.data.step ?? 0; n < job.data.steps; n++) {
    result = { order: 17, n };
    // Of the last step the job's own end is the record.
    if (n + 1 < job.data.steps) await job.updateData({ ...job.data, step: n + 1, result });
  }
  return result;
}

if (process.argv[2] === "worker") {
  const worker = new Worker("bench", work, { connection, concurrency: 256 });
  await worker.waitUntilReady();
  console.log("ready");
} else {
  const queue = new Queue("bench", { connection,
    defaultJobOptions: { attempts: 3, removeOnComplete: { count: 10000 } } });
  const events = new QueueEvents("bench", { connection });
  events.setMaxListeners(0);
  await Promise.all([queue.waitUntilReady(), events.waitUntilReady()]);
  await answerRounds(async (steps) => {
    const job = await queue.add("run", { steps, order: "01HZX3M9Q8V7T6K5J4H3G2F1E0",
      amount: 1234 });
    await job.waitUntilFinished(events);
  });
}
