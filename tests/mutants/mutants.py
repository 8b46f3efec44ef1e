#!/usr/bin/python3
"""Goal: every bug planted by the tables beside this is found by the instrument it names.

Method: per bug, compile the one source with its snippet replaced, link the instrument's
programs with it, and run the instrument's command: it must fail, and on the engine as
it is it must not.

    mutants.py               those that are found quickly: a test like any other
    mutants.py --all         all of them: make mutants
    mutants.py NAME...       these
    mutants.py --by WHAT     all that one instrument finds
"""
import argparse
import concurrent.futures
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
import tomllib

HERE = os.path.dirname(os.path.abspath(__file__))
SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", os.path.join(HERE, "../..")))
BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
FOLDER = os.path.join(BUILD, "tests/mutants/out")
# Said by a command that fails: where, and what does not hold.
SAID = re.compile(r"^seed (\d+): (?:(\w+) does not hold|(.*))", re.MULTILINE)
# Said by libcheck: the test, and what it saw.
TEST = re.compile(r"^\S+:\d+:[FE]:\w+:(\w+):", re.MULTILINE)
# Said by unittest: what a test raised.
RAISED = re.compile(r"^(?:\w+\.)*\w*(?:Error|Exception|Closed\w*|Refused): .*",
                    re.MULTILINE)
# An instrument that runs an engine by the clock may miss a bug on a busy machine.
TRIES = 3
FIELDS = {"name", "file", "about", "before", "after", "by"}
MORE = {"rare", "also", "tests", "programs"}


class Wrong(Exception):
    """The table or the build, not the bug."""


def read_tables(folder):
    read = {"instrument": {}, "mutant": []}
    for name in sorted(os.listdir(folder)):
        if name.endswith(".toml"):
            with open(os.path.join(folder, name), "rb") as table:
                one = tomllib.load(table)
            read["instrument"].update(one["instrument"])
            read["mutant"] += one["mutant"]
    names = [mutant["name"] for mutant in read["mutant"]]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Wrong(f"two bugs are named {', '.join(sorted(twice))}")
    for mutant in read["mutant"]:
        unknown = mutant.keys() - FIELDS - MORE
        missing = FIELDS - mutant.keys()
        if unknown or missing or mutant["by"] not in read["instrument"]:
            raise Wrong(f"{mutant['name']}: {sorted(unknown or missing) or 'by whom?'}")
        instrument = read["instrument"][mutant["by"]]
        if instrument.get("by_test") and not mutant.get("tests"):
            raise Wrong(f"{mutant['name']}: which tests find it?")
        mutant.setdefault("programs", instrument["programs"])
    return read["instrument"], read["mutant"]


def planted(mutant):
    """The text of the source with the bug in it."""
    with open(os.path.join(SOURCE, mutant["file"]), encoding="utf-8") as source:
        text = source.read()
    count = text.count(mutant["before"])
    if count != 1:
        raise Wrong(f"{mutant['name']}: its snippet occurs {count} times "
                    f"in {mutant['file']}, not once")
    if mutant["before"] == mutant["after"]:
        raise Wrong(f"{mutant['name']}: nothing is replaced")
    return text.replace(mutant["before"], mutant["after"])


def run(command, **more):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False, **more)


def archive(word):
    """We link without libtool: what its library is made of."""
    folder, name = os.path.split(word)
    return (os.path.join(folder, ".libs", name[:-3] + ".a") if name.endswith(".la")
            else word)


class Build:
    """How the build compiles and links, as its Makefile says."""

    def __init__(self, programs):
        environment = {k: v for k, v in os.environ.items()
                       if k not in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL")}
        parts = [f"$({re.sub('[^A-Za-z0-9]', '_', program)}_{part})"
                 for program in programs for part in ("OBJECTS", "LDADD")]
        made = run(["make", "-s", "--no-print-directory", "-C", BUILD, "mutant-words",
                    "MUTANT_WORDS=" + " | ".join(parts)], env=environment)
        if made.returncode != 0:
            raise Wrong(made.stdout)
        self.compile, self.link, parts = map(shlex.split, made.stdout.splitlines()[-3:])
        parts = [part.split() for part in " ".join(parts).split("|")]
        self.objects = dict(zip(programs, parts[::2]))
        self.libraries = {program: [archive(word) for word in words]
                          for program, words in zip(programs, parts[1::2])}
        for program in programs:
            if not os.path.exists(os.path.join(BUILD, program)):
                raise Wrong(f"{program} is not built")

    def plant(self, mutant):
        """A folder like the build's, with the bug in its programs."""
        programs = mutant["programs"]
        folder = os.path.join(FOLDER, mutant["name"])
        shutil.rmtree(folder, ignore_errors=True)
        self.lay_out(folder, programs)
        source = os.path.join(folder, os.path.basename(mutant["file"]))
        with open(source, "w", encoding="utf-8") as out:
            out.write(planted(mutant))
        here = os.path.dirname(os.path.join(SOURCE, mutant["file"]))
        compiled = source[:-2] + ".o"
        self.must(mutant, self.compile + ["-I" + here, "-c", source, "-o", compiled])
        for program in programs:
            # What it defines is found before its library is asked.
            objects = [o for o in self.objects[program] if not same(o, mutant["file"])]
            self.must(mutant, self.link + ["-o", os.path.join(folder, program),
                                           compiled] + objects
                      + self.libraries[program])
        return folder

    def must(self, mutant, command):
        made = run(command, cwd=BUILD)
        if made.returncode != 0:
            raise Wrong(f"{mutant['name']}: {shlex.join(command)}\n{made.stdout}")

    @staticmethod
    def lay_out(folder, programs):
        """All other programs as they are: each finds its siblings beside it.  And the shim
        that some instruments put before them."""
        for part in ("bin", "libexec/capstan", "tests/power"):
            there = os.path.join(BUILD, part)
            os.makedirs(os.path.join(folder, part), exist_ok=True)
            for name in os.listdir(there) if os.path.isdir(there) else ():
                path = os.path.join(there, name)
                if os.path.isfile(path) and os.path.join(part, name) not in programs:
                    os.link(path, os.path.join(folder, part, name))
        for program in programs:
            os.makedirs(os.path.dirname(os.path.join(folder, program)), exist_ok=True)


def same(compiled, source):
    """Is that the object of the source?  Automake may put a name before it."""
    stem = re.escape(os.path.basename(source)[:-2])
    return (os.path.dirname(compiled) == os.path.dirname(source)
            and re.search(rf"(^|-){stem}\.l?o$", os.path.basename(compiled)))


def try_instrument(instrument, folder, bound, only=None, tests=()):
    """Seconds it took, and what it said if it failed, or None."""
    words = instrument["command"] + (instrument["only"] if only else []) + list(tests)
    command = [word.format(build=folder, source=SOURCE, bound=bound, only=only)
               for word in words]
    begin = time.monotonic()
    try:
        done = run(command, cwd=folder, timeout=instrument["seconds"],
                   env=dict(os.environ, CAPSTAN_BUILD=folder, CAPSTAN_SOURCE=SOURCE))
    except subprocess.TimeoutExpired:
        return time.monotonic() - begin, None
    took = time.monotonic() - begin
    return took, None if done.returncode == 0 else done.stdout


def found_by(said):
    """The seed, and what did not hold there."""
    match = SAID.search(said)
    test = TEST.search(said)
    if match is None and test:
        return "-", test[1][:60]
    raised = RAISED.search(said)
    if match is None and raised:
        return "-", raised[0][:60]
    if match is None:
        lines = said.strip().splitlines() or [""]
        return "-", lines[-1][:60]
    why = match[2] or match[3]
    wrong = re.search(r'why="?([^"\n]*)|Assertion `([^\']*)', said)
    if not match[2] and wrong:
        why = f"an assertion: {wrong[1] or wrong[2]}"
    return match[1], why[:60]


def hunt(build, instruments, mutant):
    """Lines about the bug, and whether it was found, by each that must find it."""
    instrument = instruments[mutant["by"]]
    try:
        folder = build.plant(mutant)
    except Wrong as wrong:
        return f"WRONG    {wrong}", False
    lines, good = [], True
    finders = [(test, None, [test]) for test in mutant.get("tests", [])] or [
        (only, only, []) for only in [None] + mutant.get("also", [])]
    for what, only, tests in finders:
        for more in reversed(range(TRIES)):
            took, said = try_instrument(instrument, folder, instrument["bound"], only,
                                        tests)
            seed, why = found_by(said) if said is not None else (
                "again" if more else "MISSED", what or mutant["about"])
            lines.append(f"{seed:>8} {took:7.1f} s  {mutant['name']:<32} {why}")
            if said is not None:
                break
        good = good and said is not None
    shutil.rmtree(folder)
    return "\n".join(lines), good


def control(instruments, some):
    """On the engine as it is an instrument finds nothing, nor does any test of it."""
    for name in sorted({mutant["by"] for mutant in some}):
        tests = {test for mutant in some if mutant["by"] == name
                 for test in mutant.get("tests", [])}
        took, said = try_instrument(instruments[name], BUILD,
                                    instruments[name]["control"], tests=sorted(tests))
        if said is not None:
            raise Wrong(f"{name} fails without a bug:\n{said}")
        print(f"{'-':>8} {took:7.1f} s  {'(no bug)':<32} {name}", flush=True)


def chosen(mutants, arguments):
    if arguments.names:
        unknown = set(arguments.names) - {m["name"] for m in mutants}
        if unknown:
            raise Wrong(f"there is no bug named {', '.join(sorted(unknown))}")
        return [m for m in mutants if m["name"] in arguments.names]
    if arguments.by:
        return [m for m in mutants if m["by"] == arguments.by]
    return [m for m in mutants if arguments.all or not m.get("rare", False)]


def main():
    parser = argparse.ArgumentParser(usage=__doc__)
    parser.add_argument("names", nargs="*")
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--by")
    parser.add_argument("-j", type=int, default=min(2, os.cpu_count() or 1))
    arguments = parser.parse_args()
    instruments, mutants = read_tables(HERE)
    for mutant in mutants:
        planted(mutant)  # the whole table must fit, whatever is chosen
    some = chosen(mutants, arguments)
    build = Build(sorted({p for mutant in some for p in mutant["programs"]}))
    control(instruments, some)
    missed = []
    with concurrent.futures.ThreadPoolExecutor(arguments.j) as pool:
        for line, good in pool.map(lambda m: hunt(build, instruments, m), some):
            print(line, flush=True)
            missed += [] if good else [line]
    print(f"{len(some) - len(missed)} of {len(some)} planted bugs are found", *missed,
          sep="\n")
    return 1 if missed else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Wrong as error:
        sys.exit(f"mutants: {error}")
