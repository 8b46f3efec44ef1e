/* Who is there to work, what each holds, and how full the queues are. */
import { get, path } from "./api.js";
import { h, link, renew, table } from "./dom.js";
import { state, time } from "./show.js";
import { again } from "./steady.js";

const WORDS_MAX = 12; // of a list that is shown

const list = (words = []) => words.slice(0, WORDS_MAX).join(", ")
  + (words.length > WORDS_MAX ? `, … ${words.length} in all` : "");

const held = ({ jobs = [] }) => jobs.slice(0, WORDS_MAX).map((job) =>
  h("div", {}, link(job.run, "run", job.run), " since ", time(job.leased_ms)));

const worker = (one) => [one.name || one.instance || one.id, state(one.status),
  `${one.busy} of ${one.concurrency}`, list(one.queues), list(one.actions),
  list(one.labels), one.environment ?? "", time(one.heard_ms), held(one)];

const queue = (one) => [one.name, one.concurrency ?? "no limit", one.out];

export async function workers(page, { signal }) {
  const [top, bottom] = [h("div"), h("div")];
  page.append(h("h1", {}, "Workers"), top, h("h2", {}, "Queues"), bottom);
  await again("the workers", 2000, signal, async () => {
    const there = await get(path("workers"), signal);
    const queues = await get(path("queues"), signal);
    renew(top, there, () => table(["Worker", "Status", "Busy", "Queues", "Actions",
      "Labels", "Environment", "Heard", "Holds"], there.items.map(worker),
    "Nobody is there to work: capstan worker."));
    renew(bottom, queues, () => table(["Queue", "Limit", "Out"],
      queues.items.map(queue), "No queue has a limit or jobs."));
  });
}
