"""Rows of what was measured: printed as they come, kept as JSON, shown as Markdown."""
import json
import os
import platform
import re
import statistics
import sys
from datetime import datetime, timezone

FORMAT = 1  # of the JSON; docs/performance.md says what is in it
RUN = re.compile(r"run: (\d+) steps?, (\d+) concurrent(?:, (.*))?$")
RUN_COLUMNS = ("", "p50", "p99", "engine CPU", "syncs", "written", "switches")
RUN_HEAD = ("| steps | concurrent | runs/s | p50 ms | p99 ms | engine CPU µs/run "
            "| syncs/run | written KiB/run | switches/run |\n"
            "|---|---|---|---|---|---|---|---|---|")

# Table of the page → the parts in it; others have a text of their own.
TABLES = {
    "bench": ("core", "life", "dispatch", "run", "recovery", "history"),
    "scale": ("scale",),
    "dialects": ("dialects",),
    "partitions": ("partitions",),
    "batch": ("batch",),
    "skeleton": ("skeleton",),
    "curves": ("curves",),
    "pages": ("pages",),
}


class Figures:
    """What a file has of other parts stays, if there are such and this machine measured
    it."""

    def __init__(self, path, parts):
        self.path, self.parts, self.part, self.rows = path, parts, None, []
        if os.path.exists(path):
            with open(path) as file:
                before = json.load(file)
            if before.get("format") == FORMAT and before["machine"] == machine():
                self.rows = [r for r in before["rows"] if r["part"] in parts]

    def begin(self, part):
        """What follows is measured anew."""
        self.part = part
        self.rows = [r for r in self.rows if r["part"] != part]

    def add(self, name, figures, unit):
        """One row: the median, the least and the most of `figures`."""
        figures = list(figures)
        self.keep(name, unit, statistics.median(figures), min(figures), max(figures),
                  len(figures))

    def times(self, name, times, unit="ms"):
        """Two rows, p50 and p99 of single times."""
        times = sorted(times)
        for percent in (50, 99):
            self.keep(f"{name}, p{percent}", unit, times[len(times) * percent // 100],
                      times[0], times[-1], len(times))

    def keep(self, name, unit, median, least, most, rounds):
        self.rows.append({"part": self.part, "name": name, "unit": unit,
                          "median": median, "min": least, "max": most,
                          "rounds": rounds, "load": round(os.getloadavg()[2], 1),
                          "measured": datetime.now(timezone.utc).isoformat(
                              timespec="seconds").replace("+00:00", "Z")})
        print(f"{name:<66} {number(median):>10} {unit:<9} "
              f"[{number(least)} – {number(most)}]", flush=True)

    def end(self):
        """A part is over: keep what there is, in the order of the parts."""
        self.rows.sort(key=lambda r: self.parts.index(r["part"]))
        with open(self.path + ".new", "w") as out:
            json.dump({"format": FORMAT, "machine": machine(), "rows": self.rows}, out,
                      indent=1, ensure_ascii=False)
            out.write("\n")
        os.replace(self.path + ".new", self.path)

    def of(self, *parts):
        return [r for r in self.rows if r["part"] in parts]

    def by_name(self):
        return {r["name"]: r for r in self.rows}

    def rewrite(self, path, measured):
        """Put each table of which a part was measured into the page at `path`."""
        for table, parts in TABLES.items():
            if any(part in measured for part in parts):
                rewrite(path, table, markdown(self.of(*parts)))


def markdown(rows):
    runs, others = {}, []
    for r in rows:
        match = RUN.match(r["name"])
        if match:
            runs.setdefault((int(match[1]), int(match[2])), {})[match[3] or ""] = r
        else:
            others.append(f"| {r['name']} | {number(r['median'])} | {r['unit']} "
                          f"| {number(r['min'])} – {number(r['max'])} |")
    text = measured_on(rows) + ".\n"
    if others:
        text += ("\n| what | median | unit | least – most |\n|---|---|---|---|\n"
                 + "\n".join(others) + "\n")
    if runs:
        text += "\n" + RUN_HEAD + "\n"
    for (steps, clients), columns in runs.items():
        cells = [cell(columns[name]) for name in RUN_COLUMNS]
        text += f"| {steps} | {clients} | " + " | ".join(cells) + " |\n"
    return text


def measured_on(rows):
    loads = [r["load"] for r in rows]
    days = sorted({r["measured"][:10] for r in rows})
    return (f"Measured on {' and '.join(days)}, on {machine()}; load average over 15 "
            f"minutes {min(loads)} to {max(loads)}")


def cell(r):
    return f"{number(r['median'])} [{number(r['min'])}–{number(r['max'])}]"


def number(value):
    """Three digits that mean something."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def machine():
    with open("/proc/cpuinfo") as cpus:
        model = re.search(r"model name\s*: (.*)", cpus.read())
    with open("/proc/meminfo") as memory:
        kib = int(re.search(r"MemTotal:\s+(\d+)", memory.read())[1])
    return (f"{os.cpu_count()} cores ({model[1].strip() if model else platform.machine()}), "
            f"{kib / 1048576:.0f} GiB, Linux {platform.release().split('-')[0]}")


def rewrite(path, mark, text):
    """Put `text` between <!-- mark --> and <!-- /mark --> of the file at `path`."""
    with open(path) as page:
        before = page.read()
    begin, end = f"<!-- {mark} -->\n", f"<!-- /{mark} -->"
    if begin not in before or end not in before:
        sys.exit(f"{path}: there is no {begin.strip()} … {end}")
    head, rest = before.split(begin, 1)
    after = head + begin + text + end + rest.split(end, 1)[1]
    with open(path, "w") as page:
        page.write(after)
