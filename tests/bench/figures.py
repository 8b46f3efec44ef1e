"""Rows of what was measured: printed as they come, kept as JSON, shown as Markdown."""
import json
import os
import platform
import re
import statistics
import sys

RUN = re.compile(r"run: (\d+) steps?, (\d+) concurrent(?:, (.*))?$")
RUN_COLUMNS = ("", "p50", "p99", "engine CPU", "syncs")
RUN_HEAD = ("| steps | concurrent | runs/s | p50 ms | p99 ms | engine CPU µs/run "
            "| syncs/run |\n|---|---|---|---|---|---|---|")

TABLES = ("bench", "scale", "dialects")


class Figures:
    def __init__(self):
        self.rows = []

    def add(self, name, figures, unit):
        """One row: the median, the least and the most of `figures`."""
        figures = list(figures)
        self.keep(name, unit, statistics.median(figures), min(figures), max(figures),
                  len(figures))

    def keep(self, name, unit, median, least, most, rounds):
        self.rows.append({"name": name, "unit": unit, "median": median, "min": least,
                          "max": most, "rounds": rounds})
        print(f"{name:<66} {number(median):>10} {unit:<9} "
              f"[{number(least)} – {number(most)}]", flush=True)

    def write_json(self, path):
        with open(path, "w") as out:
            json.dump({"machine": machine(), "rows": self.rows}, out, indent=1)
            out.write("\n")

    def markdown(self, table):
        """What belongs into this table of the page; nothing: there is no such row."""
        runs, others = {}, []
        rows = [r for r in self.rows if table_of(r) == table]
        if not rows:
            return ""
        for r in rows:
            match = RUN.match(r["name"])
            if match:
                runs.setdefault((int(match[1]), int(match[2])), {})[match[3] or ""] = r
            else:
                others.append(f"| {r['name']} | {number(r['median'])} | {r['unit']} "
                              f"| {number(r['min'])} – {number(r['max'])} |")
        text = f"Measured on {machine()}.\n"
        if others:
            text += ("\n| what | median | unit | least – most |\n|---|---|---|---|\n"
                     + "\n".join(others) + "\n")
        if runs:
            text += "\n" + RUN_HEAD + "\n"
        for (steps, clients), columns in runs.items():
            cells = [cell(columns[name]) for name in RUN_COLUMNS]
            text += f"| {steps} | {clients} | " + " | ".join(cells) + " |\n"
        return text


def table_of(row):
    """Its own, of what has one."""
    part = row["name"].split(":")[0]
    return part if part in TABLES else "bench"


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
    load = os.getloadavg()[2]
    return (f"{os.cpu_count()} cores ({model[1].strip() if model else platform.machine()}), "
            f"{kib / 1048576:.0f} GiB, Linux {platform.release().split('-')[0]}; "
            f"load average over the last 15 minutes {load:.1f}")


def rewrite_all(path, figures):
    """Put each table that something was measured for into the page."""
    for table in TABLES:
        text = figures.markdown(table)
        if text:
            rewrite(path, table, text)


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
