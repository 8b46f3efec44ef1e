/* The automations, and one of them: its triggers, its text, a run to start. */
import { get, parse, path, post } from "./api.js";
import { button, dialog, facts, h, link, more, renew, table } from "./dom.js";
import { state, text, time } from "./show.js";
import { again } from "./steady.js";

const LIMIT = 100;

const runsOf = (automation) => `#/runs?${new URLSearchParams({ automation })}`;

const row = (one) => [link(one.name, "automation", one.name), state(one.status),
  one.version, (one.triggers ?? []).map((trigger) => trigger.kind).join(", "),
  one.description ?? "", time(one.updated_at)];

export async function automations(page, { query, signal }) {
  const list = h("div");
  page.append(h("h1", {}, "Automations"), list);
  await again("the automations", 5000, signal, async () => {
    const found = await get(path("automations",
      { limit: LIMIT, cursor: query.get("cursor") }), signal);
    renew(list, found, () => [
      table(["Name", "Status", "Version", "Triggers", "About", "Changed"],
        found.items.map(row), "There is none yet: capstan apply FILE."),
      more("automations", found.next_cursor)]);
  });
}

function read(inputs) {
  try {
    return parse(inputs);
  } catch (wrong) {
    throw new Error(`The inputs are no JSON: ${wrong.message}`);
  }
}

function start(one, signal) {
  dialog(`Start ${one.name}`, [{ name: "inputs", label: "Inputs, a JSON object",
    kind: "text", value: "{}" }], "Start", async ({ inputs }) => {
    const made = await post(path("runs"),
      { automation: one.id, inputs: read(inputs) }, signal);
    location.hash = `#/run/${made.id}`;
  });
}

function change(one, verb, signal, reload) {
  dialog(`${titled(verb)} ${one.name}?`, [{ name: "reason", label: "Why, for people" }],
    titled(verb), async ({ reason }) => {
      await post(path("automations", one.id, verb), { reason }, signal);
      reload();
    });
}

const titled = (word) => word[0].toUpperCase() + word.slice(1);

const trigger = (one) => [one.key, one.kind, one.active ? "fires" : "rests",
  one.event_type ?? one.url ?? "", time(one.next_at), time(one.last_fired_at),
  one.last_run ? link(one.last_run, "run", one.last_run) : "", one.fires,
  [one.refusals || "", one.last_refusal ?? ""].join(" ")];

export async function automation(page, { id, signal, reload }) {
  const [top, middle, bottom] = [0, 1, 2].map(() => h("div"));
  page.append(top, middle, bottom);
  await again("the automation", 5000, signal, async () => {
    const one = await get(path("automations", id), signal);
    const triggers = await get(path("automations", id, "triggers"), signal);
    const verb = one.status === "active" ? "pause" : "resume";
    renew(top, one, () => [h("h1", {}, one.name, " ", state(one.status)), facts([
      ["Title", one.title], ["Description", one.description],
      ["Version", one.version], ["Published", one.published_version],
      ["Latest", one.latest_version], ["Concurrency", one.concurrency],
      ["Why", one.status_reason], ["Changed", time(one.updated_at)], ["Id", one.id],
      ["Runs", h("a", { href: runsOf(one.name) }, "its runs")]]),
    h("p", { class: "buttons" }, button("Start…", () => start(one, signal)),
      one.status === "draft" ? null
        : button(`${titled(verb)}…`, () => change(one, verb, signal, reload)))]);
    renew(middle, triggers, () => h("section", {}, h("h2", {}, "Triggers"),
      table(["Key", "Kind", "", "Of", "Next", "Last", "Last run", "Fires", "Refused"],
        triggers.items.map(trigger), "It has none: runs are started by hand.")));
    renew(bottom, one.definition, () =>
      h("section", {}, h("h2", {}, "Text"), text(one.definition ?? "")));
  });
}
