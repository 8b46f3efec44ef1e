/* The console: which page the address names, and with which key. */
import { key } from "./api.js";
import { automation, automations } from "./automations.js";
import { fill, problem } from "./dom.js";
import { engine } from "./engine.js";
import { people } from "./people.js";
import { run } from "./run.js";
import { runs } from "./runs.js";
import { workers } from "./workers.js";

const pages = { runs, run, automations, automation, people, workers, engine };
const [enter, refused, page] = ["enter", "refused", "page"]
  .map((id) => document.getElementById(id));
let leave = new AbortController();

function decode(word) {
  try {
    return decodeURIComponent(word);
  } catch {
    return word;
  }
}

/* A key in the address goes out of it at once, and out of the history of the tab. */
function takeKey() {
  if (!location.hash.startsWith("#key=")) return;
  key.set(decode(location.hash.slice("#key=".length)));
  history.replaceState(null, "", `${location.pathname}#/runs`);
}

function askForKey(why) {
  key.forget();
  refused.textContent = why;
  enter.hidden = false;
  page.replaceChildren();
  document.getElementById("key").focus();
}

/* "#/run/ID?from=7" is the page `run` of ID. */
function read(hash) {
  const [words, query] = hash.slice(2).split("?");
  const [name, id] = words.split("/");
  const there = Object.hasOwn(pages, name);
  return { name: there ? name : "runs", id: decode(id ?? ""),
    query: new URLSearchParams(there ? query : "") };
}

function mark(name) {
  for (const link of document.querySelectorAll("nav a"))
    if ([`#/${name}`, `#/${name}s`].includes(link.getAttribute("href")))
      link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
}

async function go() {
  takeKey();
  leave.abort();
  for (const box of document.querySelectorAll("dialog")) box.close();
  leave = new AbortController();
  const { signal } = leave;
  const { name, id, query } = read(location.hash);
  mark(name);
  document.title = `${id || name} - Capstan`;
  if (!key.get()) return askForKey("");
  if (!/^[\x21-\x7e]+$/.test(key.get())) return askForKey("This is no key.");
  enter.hidden = true;
  page.replaceChildren();
  try {
    await pages[name](page, { id, query, signal, reload: go });
  } catch (wrong) {
    if (signal.aborted) return;
    leave.abort();
    if (wrong.status === 401) askForKey("The engine does not take this key.");
    else fill(page, problem(wrong.message));
  }
}

enter.addEventListener("submit", (event) => {
  event.preventDefault();
  const said = document.getElementById("key");
  key.set(said.value.trim());
  said.value = "";
  go();
});
document.getElementById("forget").addEventListener("click", () => {
  leave.abort();
  askForKey("");
});
addEventListener("hashchange", async () => {
  const going = go();
  page.focus({ preventScroll: true });
  await going;
});
go();
