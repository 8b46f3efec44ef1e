/* Elements.  Values come in as text nodes and attributes, never as markup: what runs
 * carry is hostile. */

/* h("a", { href, onclick }, "text", node, [more], null) */
export function h(tag, attributes = {}, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) node.addEventListener(name.slice(2), value);
    else if (value === true) node.setAttribute(name, "");
    else if (value !== false && value !== null && value !== undefined)
      node.setAttribute(name, value);
  }
  node.append(...children.flat().filter((child) => ![null, undefined].includes(child)));
  return node;
}

const nameOf = (node) => node.dataset.name ?? node.getAttribute("href");

/* Put `nodes` into `place`; what had the keyboard, and what was unfolded, stays so. */
export function fill(place, ...nodes) {
  const held = place.contains(document.activeElement) && nameOf(document.activeElement);
  const open = [...place.querySelectorAll("details[open]")].map(nameOf);
  place.replaceChildren(...nodes.flat().filter(Boolean));
  for (const node of place.querySelectorAll("details"))
    node.open ||= open.includes(nameOf(node));
  for (const node of place.querySelectorAll("a, button, summary"))
    if (held && nameOf(node) === held) return node.focus({ preventScroll: true });
}

const shown = new WeakMap();

/* Fill `place` with what `make` gives, if `data` is not what it showed before. */
export function renew(place, data, make) {
  const text = JSON.stringify(data);
  if (shown.get(place) === text) return;
  shown.set(place, text);
  fill(place, make());
}

export const link = (text, ...parts) =>
  h("a", { href: `#/${parts.map(encodeURIComponent).join("/")}` }, text);

/* To the next page of a list, if there is one. */
export const more = (page, cursor) => cursor && h("p", {},
  h("a", { href: `#/${page}?${new URLSearchParams({ cursor })}` }, "more"));

/* Rows are lists of cells; `empty` is said when there is none. */
export function table(heads, rows, empty) {
  if (rows.length === 0) return h("p", { class: "empty" }, empty);
  const cells = (row) => row.map((cell, i) => h("td", { "data-head": heads[i] }, cell));
  return h("div", { class: "scroll" }, h("table", {},
    h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))),
    h("tbody", {}, rows.map((row) => h("tr", {}, cells(row))))));
}

/* Pairs of a word and a value; those without a value are left out. */
export function facts(pairs) {
  const there = pairs.filter(([, value]) => ![null, undefined, ""].includes(value));
  return h("dl", {}, there.map(([word, value]) =>
    h("div", {}, h("dt", {}, word), h("dd", {}, value))));
}

export const problem = (text) => h("p", { class: "problem", role: "alert" }, text);

function control({ name, kind, options, value, must }) {
  if (options)
    return h("select", { name },
      options.map(([value, text]) => h("option", { value }, text)));
  const node = kind === "text" ? h("textarea", { name, rows: 6, spellcheck: "false" })
    : h("input", { name, type: kind ?? "text", required: must, min: 0 });
  node.value = value ?? "";
  return node;
}

/* Ask for `fields` ({ name, label, kind, options, value, must }) in a dialog, and let
 * `act` do what is to be done with the values; what it throws is said there. */
export function dialog(title, fields, verb, act) {
  const wrong = h("div");
  const form = h("form", {}, h("h2", {}, title),
    fields.map((field) => h("label", {}, field.label, control(field))), wrong,
    h("p", { class: "buttons" }, h("button", {}, verb),
      h("button", { type: "button", onclick: () => box.close() }, "Back")));
  const box = h("dialog", { onclose: () => box.remove() }, form);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    const button = form.querySelector("button");
    button.disabled = true;
    try {
      await act(Object.fromEntries(new FormData(form)));
      box.close();
    } catch (failure) {
      fill(wrong, problem(failure.message));
      button.disabled = false;
    }
  });
  document.body.append(box);
  box.showModal();
}

export const button = (text, act) =>
  h("button", { type: "button", "data-name": text, onclick: act }, text);
