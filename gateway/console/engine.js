/* The engine itself: is it whole, what its processes count, and which events came. */
import { follow, get, getText, path } from "./api.js";
import { h, renew, table } from "./dom.js";
import { json, time } from "./show.js";
import { again } from "./steady.js";

const BEFORE = 50; // events of before that are shown at first
const EVENTS_MAX = 500; // shown at once
const COLUMNS = ["sent", "received", "refused_full", "refused_gone", "gaps", "resyncs"];

/* Process: counter: value, of the text that /metrics gives. */
function processes(text) {
  const found = new Map();
  for (const [, name, process, value]
    of text.matchAll(/^capstan_(\w+?)(?:_total)?\{process="([^"]*)"\} (\d+)$/gm))
    found.set(process, { ...found.get(process), [name]: value });
  return [...found];
}

async function readiness(signal) {
  try {
    await get("readyz", signal);
    return "The engine is ready.";
  } catch (wrong) {
    if (wrong.status !== 503) throw wrong;
    return `The engine is not ready: ${wrong.message}.`;
  }
}

async function stream(list, signal) {
  let last = 0;
  await again("the events", 500, signal, async () => {
    ({ last = 0 } = await get(path("events", { limit: 1 }), signal));
    return true;
  });
  await follow(path("events"), { after: Math.max(0, last - BEFORE), number: "number",
    signal, over: () => false, each: (event) => {
      list.prepend(h("li", { value: event.number }, time(event.published_at), " ",
        h("b", {}, event.type), " ", event.source ?? "",
        json(`event ${event.number}`, event.data)));
      if (list.childElementCount > EVENTS_MAX) list.lastElementChild.remove();
    } });
}

export async function engine(page, { signal }) {
  const [top, middle] = [h("p"), h("div")];
  const list = h("ol", { class: "events" });
  page.append(h("h1", {}, "Engine"), top, h("h2", {}, "Processes"), middle,
    h("h2", {}, "Events of the project, the newest first"), list);
  const look = async () => {
    const ready = await readiness(signal);
    const counted = await getText("metrics", signal);
    renew(top, ready, () => [ready]);
    renew(middle, counted, () => table(["Process", ...COLUMNS], processes(counted).map(
      ([name, of]) => [name, ...COLUMNS.map((column) => of[column] ?? "")]),
    "No process counts anything."));
  };
  await Promise.all([stream(list, signal), again("the engine", 2000, signal, look)]);
}
