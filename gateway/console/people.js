/* What runs ask of people, the oldest first, and their answers. */
import { get, parse, path, post } from "./api.js";
import { dialog, facts, h, link, more, renew } from "./dom.js";
import { text, time } from "./show.js";
import { again } from "./steady.js";

const YES_OR_NO = ["request_approval", "request_review"];

/* JSON if it is such, else the text itself. */
function valueOf(said) {
  try {
    return parse(said);
  } catch {
    return said;
  }
}

function valueField({ protocol, spec }) {
  const field = { name: "value", label: "Answer" };
  if (YES_OR_NO.includes(protocol))
    return { ...field, options: [["true", "yes"], ["false", "no"]] };
  if (!Array.isArray(spec?.options))
    return { ...field, label: "Answer: JSON, or a text as it is", kind: "text" };
  return { ...field, options: spec.options.map((option) => {
    const value = option?.value ?? option;
    const label = option?.label ?? value;
    return [JSON.stringify(value),
      typeof label === "string" ? label : JSON.stringify(label)];
  }) };
}

function answer(asked, signal, done) {
  const fields = [valueField(asked), { name: "comment", label: "Comment" }];
  if (asked.targets?.length)
    fields.push({ name: "as", label: "Who answers; a key of scope admin may for others",
      options: [["", "who has this key"], ...asked.targets.map((one) => [one, one])] });
  dialog(asked.title || asked.prompt || asked.step, fields, "Answer", async (said) => {
    const body = { value: valueOf(said.value) };
    for (const name of ["comment", "as"])
      if (said[name]) body[name] = said[name];
    await post(path("interactions", asked.id, "respond"), body, signal);
    done();
  });
}

const question = (asked, signal, done) => h("section", { class: "question" },
  h("h2", {}, asked.title || asked.protocol), asked.prompt ? text(asked.prompt) : null,
  facts([["Run", link(asked.run_id, "run", asked.run_id)],
    ["Automation", asked.automation], ["Step", asked.step],
    ["Asked", (asked.targets ?? []).join(", ") || "anybody whose key may start runs"],
    ["Of them", asked.all_of ? "all" : null], ["Since", time(asked.created_at)],
    ["Until", time(asked.expires_at)],
    ["Answers", asked.responses.map(({ by, value }) =>
      `${by}: ${JSON.stringify(value)}`).join("; ")]]),
  h("button", { type: "button", "data-name": asked.id,
    onclick: () => answer(asked, signal, done) }, "Answer…"));

export async function people(page, { query, signal, reload }) {
  const list = h("div");
  page.append(h("h1", {}, "People"), list);
  await again("the questions", 2000, signal, async () => {
    const cursor = query.get("cursor");
    const found = await get(path("interactions", { cursor }), signal);
    renew(list, found, () => [
      found.items.map((asked) => question(asked, signal, reload)),
      found.items.length === 0 ? h("p", { class: "empty" }, "Nobody is asked anything.")
        : null,
      more("people", found.next_cursor)].flat());
  });
}
