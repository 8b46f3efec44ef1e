/* The steps of a run, with a bar for the time that each took. */
import { h, link, table } from "./dom.js";
import { error, json, span, state, time } from "./show.js";

const STEPS_MAX = 500; // shown

/* From the beginning of the run to its end, or to now. */
function bar(step, run) {
  const from = Date.parse(run.started_at ?? run.created_at);
  const length = Math.max(1, (Date.parse(run.finished_at) || Date.now()) - from);
  const part = (at) => Math.min(100, Math.max(0, 100 * (at - from) / length));
  if (!step.started_at) return "";
  const begin = part(Date.parse(step.started_at));
  const end = part(Date.parse(step.finished_at) || Date.now());
  const inner = h("div", { class: `bar ${step.status}` });
  // By the style's own object: the page allows no style in attributes.
  inner.style.marginLeft = `${begin}%`;
  inner.style.width = `${Math.max(0.5, end - begin)}%`;
  const took = span(step.started_at, step.finished_at) || "has not ended";
  return h("div", { class: "track", role: "img", "aria-label": took }, inner);
}

function more(step) {
  const { items } = step;
  return [
    step.error ? h("span", { class: "problem" }, error(step.error)) : null,
    step.worker ? h("span", {}, `worker ${step.worker} `) : null,
    step.event_type ? h("span", {}, `event ${step.event_type} `) : null,
    items ? h("span", {}, `${items.over} of ${items.count} items `) : null,
    step.due_at ? h("span", {}, "due ", time(step.due_at), " ") : null,
    step.child_run_id ? link(step.child_run_id, "run", step.child_run_id) : null,
    step.interaction_id ? link("question", "people") : null,
    json(`step ${step.index}`, step.output),
  ];
}

const row = (step, run) => [step.key, step.kind, state(step.status), step.attempt ?? "",
  time(step.started_at), span(step.started_at, step.finished_at), bar(step, run),
  more(step)];

export function steps(run) {
  const all = run.steps ?? [];
  return h("section", {}, h("h2", {}, "Steps"),
    table(["Step", "Kind", "Status", "Attempt", "Started", "Took", "Timeline", ""],
      all.slice(0, STEPS_MAX).map((step) => row(step, run)), "There is none."),
    all.length > STEPS_MAX ? h("p", {}, `… ${all.length} in all`) : null,
    run.truncated ? h("p", {}, "Outputs are left out: they are too large.") : null);
}
