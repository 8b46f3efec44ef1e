/* All runs, the newest first. */
import { get, path } from "./api.js";
import { h, link, renew, table } from "./dom.js";
import { error, reasonOf, span, state, time } from "./show.js";
import { again, Bell } from "./steady.js";

const LIMIT = 50;
const STATES = ["", "open", "queued", "running", "suspended", "completed", "failed",
  "cancelled"];

const row = (run) => [
  link(run.id, "run", run.id), link(run.automation, "automation", run.automation),
  state(run.status), time(run.started_at ?? run.created_at),
  span(run.started_at, run.finished_at), error(run.error) ?? reasonOf(run),
];

function filters({ status, automation }, change) {
  const form = h("form", { class: "filters", role: "search" },
    h("label", {}, "Status ", h("select", { name: "status" },
      STATES.map((word) => h("option", { value: word, selected: word === status },
        word || "any")))),
    h("label", {}, "Automation ",
      h("input", { name: "automation", value: automation })));
  const take = (event) => {
    event.preventDefault();
    change(Object.fromEntries(new FormData(form)));
  };
  form.addEventListener("submit", take);
  form.addEventListener("change", take);
  return form;
}

export async function runs(page, { query, signal }) {
  const said = (name) => query.get(name) ?? "";
  let asked = { status: said("status"), automation: said("automation"),
    cursor: said("cursor") };
  const bell = new Bell();
  const list = h("div");
  const to = (cursor) => `#/runs?${new URLSearchParams({ ...asked, cursor })}`;
  const form = filters(asked, (wanted) => {
    asked = { ...wanted, cursor: "" };
    history.replaceState(null, "", to(""));
    bell.ring();
  });
  page.append(h("h1", {}, "Runs"), form, list);
  await again("the runs", 2000, signal, async () => {
    const found = await get(path("runs", { ...asked, limit: LIMIT }), signal);
    renew(list, found, () => [
      table(["Run", "Automation", "Status", "Since", "Took", ""], found.items.map(row),
        "No run fits. The page of an automation can start one."),
      h("p", { class: "buttons" },
        asked.cursor ? h("a", { href: to("") }, "newest") : null,
        found.next_cursor ? h("a", { href: to(found.next_cursor) }, "older") : null),
    ]);
  }, bell);
}
