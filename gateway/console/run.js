/* One run: how it stands, why it does not move, its steps and its log as it grows. */
import { follow, get, path, post } from "./api.js";
import { button, dialog, facts, fill, h, link, renew } from "./dom.js";
import { error, json, reasonOf, span, state, text, time } from "./show.js";
import { again, Bell } from "./steady.js";
import { steps } from "./steps.js";

const OVER = ["completed", "failed", "cancelled"];
const EVENTS_MAX = 1000; // shown at once
const BEFORE = 300; // those of before that are shown at first

const toRun = (id) => id && link(id, "run", id);

function head(run) {
  return [h("h1", {}, run.automation, " ", state(run.status)), facts([
    ["Run", run.id], ["Version", run.version],
    ["Automation", link(run.automation, "automation", run.automation)],
    ["Name", run.name], ["Stop reason", reasonOf(run)], ["Error", error(run.error)],
    ["Cancelled by", run.cancelled_by], ["Reason", run.cancel_reason],
    ["Waits for its turn", run.queue_reason],
    ["Created", time(run.created_at)], ["Started", time(run.started_at)],
    ["Finished", time(run.finished_at)],
    ["Took", span(run.started_at, run.finished_at)],
    ["Source", run.source], ["Trigger", run.trigger], ["Attempt", run.attempt],
    ["Idempotency key", run.idempotency_key], ["Started by", toRun(run.parent_run_id)],
    ["Forked from", toRun(run.origin_run_id)]])];
}

/* `said` is the answer of explain. */
function stall(said) {
  const { detail } = said;
  return h("section", { class: "stall" }, h("h2", {}, "Why it does not move"),
    h("p", {}, said.reason), facts([["Code", said.code], ["Since", time(said.since)],
      ["Due", time(said.due_at)], ["Hint", said.hint && h("code", {}, said.hint)],
      ["Run", toRun(detail?.child_run_id)],
      ["Question", detail?.interaction_id && link(detail.interaction_id, "people")]]),
    said.also?.length ? h("ul", {}, said.also.map((other) => h("li", {}, other.reason)))
      : null);
}

const values = (run) => [["Inputs", run.inputs], ["Output", run.output]]
  .filter(([, value]) => value !== undefined && value !== null)
  .map(([name, value]) => h("section", {}, h("h2", {}, name),
    text(JSON.stringify(value, null, 2))));

/* Buttons that ask what they must know, do it, and show what came of it; `last` gives
 * the event behind which there is something left to do. */
function buttons(run, last, signal, reload) {
  const reason = { name: "reason", label: "Why, for people" };
  const tell = (verb, body) => post(path("runs", run.id, verb), body, signal);
  const cancel = () => dialog("Cancel the run?", [reason], "Cancel the run",
    async (said) => { await tell("cancel", { reason: said.reason }); reload(); });
  const from = [["", "what did not complete"],
    ...(run.steps ?? []).map(({ key }) => [key, key])];
  const retry = () => dialog("Let it go on", [
    { name: "step", label: "From", options: from }, reason], "Retry", async (said) => {
    const body = { reason: said.reason };
    await tell("retry", said.step ? { ...body, step: said.step } : body);
    reload();
  });
  const fork = () => dialog("Start a run that shares the beginning of this one", [
    { name: "event", label: "Steps that were over by this event are copied",
      kind: "number", value: last(), must: true }], "Fork", async (said) => {
    const made = await tell("fork", { event: Number(said.event) });
    location.hash = `#/run/${made.id}`;
  });
  return h("p", { class: "buttons" },
    !OVER.includes(run.status) ? button("Cancel…", cancel) : null,
    ["failed", "cancelled"].includes(run.status) ? button("Retry…", retry) : null,
    button("Fork…", fork));
}

/* Lines for events, of which the oldest go when there are too many. */
function eventLog(run, after) {
  const lines = h("ol", { class: "events" });
  const before = after > 0 ? h("p", {}, h("a",
    { href: `#/run/${run}?from=${Math.max(0, after - EVENTS_MAX / 2)}` },
    "events of before")) : null;
  const section = h("section", {}, h("h2", {}, "Events"), before, lines);
  return {
    section,
    add(event) {
      lines.append(h("li", { value: event.sequence }, time(event.at, true), " ",
        h("b", {}, event.event_type), " ", event.step ?? "",
        json(`event ${event.sequence}`, event.payload)));
      if (lines.childElementCount > EVENTS_MAX) lines.firstElementChild.remove();
    },
  };
}

export async function run(page, { id, query, signal, reload }) {
  const [top, why, middle, bottom] = [0, 1, 2, 3].map(() => h("div"));
  const bell = new Bell();
  let now, began = 0; // the last event that began a step
  const last = () => (now.status === "completed" && began > 0 ? began - 1
    : now.last_sequence);
  /* Who holds a job, and who might take it, leaves no event: so it is asked for. */
  const look = async () => {
    now = await get(path("runs", id), signal);
    const over = OVER.includes(now.status);
    const said = over ? null : await get(path("runs", id, "explain"), signal);
    renew(top, now, () => [...head(now), buttons(now, last, signal, reload)]);
    renew(why, said, () => (said && said.code !== "moving" ? [stall(said)] : []));
    renew(middle, over ? now : [now, Date.now()], () => [steps(now)]);
    renew(bottom, [now.inputs, now.output], () => values(now));
    return over;
  };
  await again("the run", 500, signal, async () => { await look(); return true; });
  if (signal.aborted) return;
  const after = query.has("from") ? Number(query.get("from"))
    : Math.max(0, now.last_sequence - BEFORE);
  const log = eventLog(id, after);
  let seen = after;
  const each = (event) => {
    seen = event.sequence;
    if (event.event_type === "step.started") began = seen;
    log.add(event);
    bell.ring();
  };
  fill(page, top, why, middle, bottom, log.section);
  await Promise.all([
    again("the run", 2000, signal, look, bell),
    follow(path("runs", id, "events"), { after, number: "sequence", signal, each,
      over: () => OVER.includes(now.status) && seen >= now.last_sequence }),
  ]);
}
