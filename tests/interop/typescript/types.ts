// Goal: capstan-worker.d.ts is what src/ exports, and programs that are wrong do not compile.
import * as header from "capstan-worker";
import * as source from "./src/worker.js";

export const same: typeof header = source;
type Names<A, B> = [keyof A, keyof B] extends [keyof B, keyof A] ? true : false;
export const nothingElse: Names<typeof header, typeof source> = true;

const worker = new header.Worker({ concurrency: 2, queues: ["fast"] });
worker.action<{ name: string }>("greet", (job) => {
  // @ts-expect-error: parameters are what was said
  job.parameters.age;
  // @ts-expect-error: a job is not changed
  job.id = "job_1";
  const ends: Date | undefined = job.deadline;
  job.signal.throwIfAborted();
  job.log("a line\n", "stderr");
  return { name: job.parameters.name.length, ends };
});
// @ts-expect-error: there is no such option
new header.Worker({ concurency: 2 });
export const number: Promise<number> = worker.publish("order.paid", { order: 7n }, { id: "o" });
export const left: Promise<number> = worker.run();
export const refused: string = new header.Refused("conflict", "why").code;
