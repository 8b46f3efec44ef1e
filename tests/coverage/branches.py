#!/usr/bin/python3
"""Which branches of the pure code do its tests not take?  branches.py [--all] [--write]

Reads what the tests left in CAPSTAN_BUILD, which clang built with -fprofile-instr-generate
-fcoverage-mapping, asks llvm-cov, and compares with the table `pure` beside this file.
--all prints every file and every branch that is not taken, --write lowers the numbers of
the table.  README.md beside it says what a branch is.
"""
import collections
import glob
import json
import os
import re
import shutil
import subprocess
import sys

SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
TABLE = os.path.join(SOURCE, "tests/coverage/pure")

# What says a mistake and is false, always: `fits || wrong_at_place(…)`.
REFUSALS = rb"\b(?:wrong_at_place|refuse|refuse_at|expected)\("
CALLED, TRUE, FALSE = "called", "true", "false"
Branch = collections.namedtuple("Branch", "line column text outcome")


class Lines:
    """A file's text, by line and column as clang counts them: from 1, in bytes."""

    def __init__(self, text):
        self.text = text
        self.starts = [0]
        for line in text.splitlines(keepends=True):
            self.starts.append(self.starts[-1] + len(line))
        self.bare = bare(text)

    def at(self, line, column):
        return self.starts[line - 1] + column - 1

    def between(self, region):
        return self.text[self.at(*region[:2]):self.at(*region[2:4])]

    def line_of(self, at):
        return self.text.count(b"\n", 0, at) + 1


def bare(text):
    """The text with strings, characters and comments blank, at the same places."""
    def blank(found):
        return re.sub(rb"[^\n]", b" ", found.group())
    return re.sub(rb'/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', blank, text,
                  flags=re.S)


def closed(text, at):
    """The place behind the parenthesis that closes the one at `at`."""
    depth = 0
    for place in range(at, len(text)):
        depth += (text[place:place + 1] == b"(") - (text[place:place + 1] == b")")
        if depth == 0:
            return place + 1
    return len(text)


def uncounted(lines):
    """Places (begin, end, outcomes) of what a bug of ours alone decides.

    A switch without default lists all values of an enum, or gcc warns: it has no branch
    for a value that is none of them.
    """
    found = []
    for call in re.finditer(rb"\b(?:assert|static_assert)\s*\(", lines.bare):
        end = closed(lines.bare, call.end() - 1)
        found.append((call.start(), end, {TRUE, FALSE}))
    for test in re.finditer(rb"\bif\s*\(", lines.bare):
        end = closed(lines.bare, test.end() - 1)
        if re.match(rb"\s*\{?\s*WRONG\(", lines.bare[end:]):
            found.append((test.start(), end, {TRUE}))
    for label in re.finditer(rb"\bdefault:\s*WRONG\(", lines.bare):
        found.append((label.start(), label.end(), {TRUE}))
    for call in re.finditer(REFUSALS, lines.bare):
        found.append((call.start(), call.start() + 1, {TRUE}))
    for value in re.finditer(rb"\bswitch\s*\((?=(\s*))", lines.bare):
        place = value.end() + len(value.group(1))
        found.append((place, place + 1, {TRUE, FALSE}))
    return found


def never(lines):
    """Line → reason: `/* never: why */` behind a condition, or on lines of its own before."""
    reasons = {}
    for mark in re.finditer(rb"/\* never: (.*?)\*/", lines.text, flags=re.S):
        reason = b" ".join(mark.group(1).split()).decode()
        line, last = lines.line_of(mark.start()), lines.line_of(mark.end())
        alone = not lines.text[lines.starts[line - 1]:mark.start()].strip()
        reasons[last + 1 if alone else line] = reason
    return reasons


def branches(functions, sources):
    """Path → branch → how often it was taken, of all copies of each function."""
    taken = collections.defaultdict(collections.Counter)
    for function in functions:
        paths = function["filenames"]
        line, column = function["regions"][0][:2]
        path = paths[function["regions"][0][5]]
        if path in sources and path.endswith(".c"):
            name = function["name"].split(":")[-1]
            taken[path][Branch(line, column, name, CALLED)] += function["count"]
        for region in function["branches"]:
            path = paths[region[6]]
            if path not in sources:
                continue
            lines = sources[path]
            text = " ".join(lines.between(region).decode().split())
            here = Branch(region[0], region[1], text, TRUE)
            taken[path][here] += region[4]
            if not re.match(r"(case\b|default\b)", text):
                taken[path][here._replace(outcome=FALSE)] += region[5]
    for path, found in taken.items():
        leave_out(sources[path], found)
    return taken


def leave_out(lines, found):
    """Take away what is not counted."""
    places = uncounted(lines)
    for branch in list(found):
        at = lines.at(branch.line, branch.column)
        if branch.outcome != CALLED and any(
                begin <= at < end and branch.outcome in outcomes
                for begin, end, outcomes in places):
            del found[branch]


def tool(name):
    for candidate in (name, name + "-14"):
        if shutil.which(candidate):
            return candidate
    sys.exit(f"{name} is missing: Debian's llvm-14 has it")


def measured():
    """What llvm-cov says of all test programs that ran."""
    profiles = glob.glob(os.path.join(BUILD, "profiles/*.profraw"))
    if not profiles:
        sys.exit(f"no test has left a profile in {BUILD}/profiles: ./check clang")
    merged = os.path.join(BUILD, "profiles/all.profdata")
    subprocess.run([tool("llvm-profdata"), "merge", "-o", merged, *profiles], check=True)
    programs = [path for folder in ("unit", "unit/cli", "traces", "schema", "schedules")
                for path in glob.glob(os.path.join(BUILD, "tests", folder, "*"))
                if os.access(path, os.X_OK) and os.path.isfile(path)]
    objects = [flag for path in sorted(programs) for flag in ("-object", path)]
    said = subprocess.run(
        [tool("llvm-cov"), "export", "-instr-profile", merged, *objects[1:]],
        capture_output=True, check=True).stdout
    return json.loads(said)["data"][0]["functions"]


def table(text):
    """Path or folder → how many branches of a file may still be unexplained."""
    rows = {}
    for line in text.splitlines():
        words = line.split("#")[0].split()
        if words:
            rows[words[0]] = int(words[1]) if len(words) > 1 else 0
    return rows


def allowed(rows, path):
    """The number for a path; None if it is not among the pure."""
    folder = os.path.dirname(path) + "/"
    if path in rows:
        return rows[path]
    return 0 if folder in rows and not path.endswith("_main.c") else None


def judge(path, lines, found, limit):
    """(branches, not taken and not explained, complaints) of one file."""
    reasons = never(lines)
    missed = sorted(branch for branch in found if found[branch] == 0)
    needed = {branch.line for branch in missed}
    complaints = [f"{path}:{line}: its branches are all taken: take `never` away"
                  for line in reasons if line not in needed]
    complaints += [f"{path}:{line}: `never` needs a reason of some words"
                   for line, reason in reasons.items() if len(reason.split()) < 2]
    missed = [branch for branch in missed if branch.line not in reasons]
    if len(missed) > limit:
        complaints += [told(path, branch) for branch in missed]
        complaints.append(f"{path}: {len(missed)} branches are not taken, and {limit} may")
    elif len(missed) < limit:
        complaints.append(f"{path}: {len(missed)} branches are not taken: "
                          f"lower the {limit} of tests/coverage/pure")
    return len(found), missed, complaints


def unlisted(rows, counts):
    """Complaints of rows that no file has, and of machines that have no row."""
    complaints = [f"tests/coverage/pure: no test has {row} in it" for row in rows
                  if not row.endswith("/") and row not in counts]
    for module in glob.glob(os.path.join(SOURCE, "actors/**/module.am"), recursive=True):
        with open(module, encoding="utf-8") as file:
            lists = re.findall(r"_libpure_a_SOURCES \+?=((?:.*\\\n)*.*)", file.read())
        folder = os.path.relpath(os.path.dirname(module), SOURCE)
        complaints += [f"tests/coverage/pure: {folder}/{name} is pure and has no row"
                       for name in re.findall(r"%D%/(\S+\.c)\b", " ".join(lists))
                       if allowed(rows, f"{folder}/{name}") is None]
    return complaints


def told(path, branch):
    what = {CALLED: "is never called", TRUE: "is never true", FALSE: "is never false"}
    if re.match(r"(case\b|default\b)", branch.text):
        what[TRUE] = "is never reached"
    return f"{path}:{branch.line}:{branch.column}: `{branch.text}` {what[branch.outcome]}"


def lowered(text, counts):
    """The table with the numbers that may fall; a file of a folder needs no row for 0."""
    rows, folders = [], {row for row in table(text) if row.endswith("/")}
    for line in text.splitlines():
        path, *number = line.split() or [""]
        if len(number) == 1 and path in counts and counts[path] < int(number[0]):
            if counts[path] == 0 and os.path.dirname(path) + "/" in folders:
                continue
            line = f"{path} {counts[path]}".removesuffix(" 0")
        rows.append(line + "\n")
    return "".join(rows)


def main(flags):
    with open(TABLE, encoding="utf-8") as file:
        text = file.read()
    rows, sources = table(text), {}
    functions = measured()
    for path in {path for function in functions for path in function["filenames"]}:
        name = os.path.relpath(path, SOURCE)
        if not name.startswith("..") and ("--all" in flags
                                          or allowed(rows, name) is not None):
            with open(path, "rb") as file:
                sources[path] = Lines(file.read())
    total, counts, complaints = 0, {}, []
    print("branches  not taken  file")
    for path, found in sorted(branches(functions, sources).items()):
        name = os.path.relpath(path, SOURCE)
        limit = allowed(rows, name)
        count, missed, wrong = judge(name, sources[path], found, limit or 0)
        explained = sum(found[branch] == 0 for branch in found) - len(missed)
        note = f"   {explained} explained" if explained else ""
        print(f"{count:8}  {len(missed):9}  {name}{note}")
        if "--all" in flags:
            print("".join(f"    {told(name, branch)}\n" for branch in missed), end="")
        if limit is not None:
            total, counts[name] = total + count, len(missed)
            complaints += wrong
    complaints += unlisted(rows, counts)
    if "--write" in flags:
        with open(TABLE, "w", encoding="utf-8") as file:
            file.write(lowered(text, counts))
    left = sum(counts.values())
    print(f"{total} branches, {total - left} taken or explained, {left} not taken")
    print("\n".join(complaints), end="\n" if complaints else "")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
