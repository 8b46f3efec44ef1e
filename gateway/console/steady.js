/* Work that goes on although the engine is away for a while. */
const LONGEST_MS = 30000;

const troubles = new Map(); // what cannot be had: why

function say(name, why) {
  if (why) troubles.set(name, why);
  else troubles.delete(name);
  const line = document.getElementById("trouble");
  const [text = ""] = troubles.values();
  line.textContent = text;
  line.hidden = text === "";
}

/* Ends early when it is rung, or was since the last time. */
export class Bell {
  #rung = false;
  #end = () => {};

  ring() {
    this.#rung = true;
    this.#end();
  }

  async wait(ms, signal) {
    await new Promise((end) => {
      const timer = setTimeout(end, this.#rung || signal.aborted ? 0 : ms);
      this.#end = () => { clearTimeout(timer); end(); };
      signal.addEventListener("abort", this.#end, { once: true });
    });
    signal.removeEventListener("abort", this.#end);
    this.#rung = false;
  }
}

/* Nobody looks at a page that is hidden. */
function visible(signal) {
  return new Promise((end) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return;
      document.removeEventListener("visibilitychange", look);
      signal.removeEventListener("abort", look);
      end();
    };
    document.addEventListener("visibilitychange", look);
    signal.addEventListener("abort", look);
    look();
  });
}

/* Do `work` until it gives true, or until `signal`, with `rest_ms` between, and while
 * the page is visible.  A failure that may pass is said at the top of the page, and the
 * rest is longer each time; any other ends it.  `work` may call what it is given when
 * all goes well, though it has not ended; `bell` cuts the rest short. */
export async function again(name, rest_ms, signal, work, bell = new Bell()) {
  let failures = 0;
  const well = () => { failures = 0; say(name, ""); };
  while (!signal.aborted) {
    try {
      const done = await work(well);
      well();
      if (done) return;
      await bell.wait(rest_ms, signal);
    } catch (wrong) {
      if (signal.aborted) break;
      if (!wrong.passing) { well(); throw wrong; }
      const rest = Math.min(1000 * 2 ** failures++, LONGEST_MS);
      say(name, `${wrong.message}: trying again in ${rest / 1000} s`);
      await new Bell().wait(rest, signal);
    }
    await visible(signal);
  }
  say(name, "");
}
