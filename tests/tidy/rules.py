"""The rules of style that a machine can keep.

A rule is a function of a tree that yields (path, line, sentence). `allow` beside this
file names what is excused, each with its reason.
"""
import os
import re
import shutil
import subprocess

LINE_MAX = 88
FUNCTION_MAX = 70
FILE_MAX = 900

# Who may include whom; a folder may always include itself.
LAYERS = {
    "base": set(),
    "transport": {"base"},
    "store": {"base"},
    "actors": {"base", "transport", "store"},
    "gateway": {"base", "transport"},
    "workers": {"base", "transport"},
    "docs": {"actors", "base", "transport"},
}
# What all actors share; the other folders below actors/ are each an actor's own.
SHARED_BY_ACTORS = {"expression", "plan", "schedule", "schema"}

CALLS = {
    "alloc": (r"malloc|calloc|realloc|reallocarray|aligned_alloc|strdup|strndup",
              "memory is taken by *_new and *_open, and by few others"),
    "unsafe": (r"sprintf|vsprintf|strcpy|strcat|strncpy|stpcpy|gets|strtok|alloca|atoi|"
               r"atol|scanf|localtime|gmtime|ctime|asctime|system|popen|tmpnam|mktemp",
               "there is a form with a bound, an error or no hidden state"),
    "clock": (r"time|gettimeofday|clock_gettime|clock|ftime|zclock_time|zclock_usecs",
              "time comes from base/clock.h"),
    "chance": (r"rand|random|srand|srandom|rand_r|drand48|getrandom|getentropy|"
               r"randombytes_buf|randombytes_random|randombytes_uniform",
               "chance comes from base/clock.h"),
    "sleep": (r"sleep|usleep|nanosleep|clock_nanosleep|zclock_sleep",
              "wait for a condition, not for time to pass"),
}
MARKS = ("TO" "DO", "FIX" "ME", "XX" "X", "HA" "CK")
VAGUE = re.compile(r"^(utils?|common|misc|helpers?|manager|stuff|data|info|lib)\.[ch]$")
MACHINE = re.compile(
    r"(?<![\w.])/(work|home/\w+|root|Users/\w+)/"
    r"|https?://[^\s\"'<>)]*(registry|npmjs|pypi|artifactory|proxy\.golang)")
PAGES = (".js", ".css", ".html")
TEXT = (".c", ".h", ".def", ".am", ".ac", ".m4", ".md", ".py", ".sh", ".yaml", ".yml",
        ".json", ".in", ".bash", ".allow", *PAGES)
SKIPPED = {".git", "build", "build-aux", "autom4te.cache", "node_modules"}


class Tree:
    """The files of a source tree; of those under git only what git knows."""

    def __init__(self, root):
        self.root = root
        self.texts = {}
        self.paths = sorted(self.known() or self.walk())

    def known(self):
        if not os.path.exists(os.path.join(self.root, ".git")) or not shutil.which("git"):
            return None
        listed = subprocess.run(
            ["git", "-c", "safe.directory=*", "-C", self.root, "ls-files", "-z"],
            capture_output=True, check=False)
        if listed.returncode != 0:
            return None
        paths = listed.stdout.decode().split("\0")
        return [path for path in paths if path and os.path.isfile(self.full(path))]

    def walk(self):
        found = []
        for folder, folders, files in os.walk(self.root):
            folders[:] = [f for f in folders
                          if f not in SKIPPED and not f.startswith("capstan-")
                          and not os.path.exists(os.path.join(folder, f, "config.status"))]
            found += [os.path.relpath(os.path.join(folder, f), self.root) for f in files]
        made = re.compile(r"^(Makefile(\.in)?|configure|aclocal\.m4|libtool)$|~$"
                          r"|^config\.(status|log|cache)$"
                          r"|^m4/(libtool|lt.*)\.m4$|\.(o|a|lo|la|log|trs|pyc)$")
        return [path for path in found if not made.search(path)]

    def full(self, path):
        return os.path.join(self.root, path)

    def text(self, path):
        if path not in self.texts:
            with open(self.full(path), encoding="utf-8", errors="replace") as file:
                self.texts[path] = file.read()
        return self.texts[path]

    def lines(self, path):
        """(number, line), from 1."""
        return enumerate(self.text(path).splitlines(), 1)

    def ending(self, *endings):
        return [path for path in self.paths if path.endswith(endings)]


def without_comments(text):
    """C without comments and the insides of strings, line for line."""
    def blank(found):
        piece = found.group(0)
        if piece[0] in "\"'":
            return piece[0] * 2
        return "\n" * piece.count("\n") or " "
    return re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", blank,
                  text, flags=re.S)


def layer(tree):
    for path in tree.ending(".c", ".h", ".def"):
        here = path.split("/")
        for number, line in tree.lines(path):
            found = re.match(r'\s*#\s*include\s+"([^"]+)"', line)
            if not found:
                continue
            there = found.group(1).split("/")
            if len(there) == 1:
                yield path, number, f'"{there[0]}" does not say its folder'
            elif here[0] in LAYERS and there[0] != here[0] \
                    and there[0] not in LAYERS[here[0]]:
                yield path, number, f"{here[0]}/ may not see {there[0]}/"
            elif here[0] == there[0] == "actors" and len(there) > 2 \
                    and there[1] not in SHARED_BY_ACTORS and here[1] != there[1]:
                yield path, number, f"{'/'.join(here[:2])} may not see another actor's " \
                                    f"{there[1]}/"


def own_header_first(tree):
    for path in tree.ending(".c"):
        header = path[:-2] + ".h"
        if header not in tree.paths:
            continue
        found = re.search(r'^\s*#\s*include\s+["<]([^">]+)[">]', tree.text(path), re.M)
        if not found or found.group(1) != header:
            yield path, 1, f"the first include must be {header}"


def pages(tree):
    """What browsers are given."""
    return [path for path in tree.ending(*PAGES) if path.startswith("gateway/")]


def long_line(tree):
    for path in tree.ending(".c", ".h") + pages(tree):
        table = False  # laid out by hand
        for number, line in tree.lines(path):
            table = "clang-format off" in line or table and "clang-format on" not in line
            if len(line) > LINE_MAX and not table:
                yield path, number, f"{len(line)} columns, {LINE_MAX} at most"


def long_function(tree):
    for path in tree.ending(".c", ".h"):
        name = begin = None
        for number, line in tree.lines(path):
            found = re.match(r"(?:START_TEST\()?([A-Za-z_]\w*)[()]", line)
            if found and not line.rstrip().endswith(";"):
                name, begin = found.group(1), number
            elif line == "}" and begin:
                if number - begin + 1 > FUNCTION_MAX:
                    yield path, begin, f"{name} has {number - begin + 1} lines, " \
                                       f"{FUNCTION_MAX} at most"
                name = begin = None


def long_file(tree):
    for path in tree.ending(".c", ".h") + pages(tree):
        count = tree.text(path).count("\n")
        if count > FILE_MAX:
            yield path, 1, f"{count} lines, {FILE_MAX} at most: more than one noun?"


def unlisted(tree):
    listed = set()
    for path in tree.ending(".am"):
        text = tree.text(path).replace("%D%", os.path.dirname(path) or ".")
        listed.update(os.path.normpath(word) for word in re.findall(r"[\w./-]+", text))
    for path in tree.ending(".c"):
        if path not in listed:
            yield path, 1, "no module.am names it"


def calls(tree, kind):
    names, why = CALLS[kind]
    pattern = re.compile(rf"(?<![\w.>])({names})\s*\(")
    for path in tree.ending(".c", ".h"):
        if kind in ("alloc", "unsafe") and path.startswith("tests/"):
            continue
        function = ""
        for number, line in enumerate(without_comments(tree.text(path)).split("\n"), 1):
            found = re.match(r"([A-Za-z_]\w*)\(", line)
            function = found.group(1) if found else function
            taker = kind == "alloc" and function.endswith(("_new", "_open"))
            if found or taker or line.lstrip().startswith("#"):
                continue
            for call in pattern.findall(line):
                yield path, number, f"{call}: {why}"


def alloc(tree):
    return calls(tree, "alloc")


def unsafe(tree):
    return calls(tree, "unsafe")


def clock(tree):
    return calls(tree, "clock")


def chance(tree):
    return calls(tree, "chance")


def sleep(tree):
    return calls(tree, "sleep")


def mark(tree):
    for path in tree.ending(*TEXT):
        for number, line in tree.lines(path):
            found = re.search(rf"\b({'|'.join(MARKS)})\b", line)
            if found:
                yield path, number, f"{found.group(1)} without an issue"


def rows(tree, path, macro):
    """(line, cells) of each row of a table."""
    if path not in tree.paths:
        return
    for number, line in tree.lines(path):
        found = re.match(rf"{macro}\((.*)\)\s*$", line)
        if found:
            cells = re.findall(r'"(?:\\.|[^"\\])*"|[^,"]+', found.group(1))
            yield number, [cell.strip() for cell in cells if cell.strip()]


def setting(tree):
    path = "base/config.def"
    for number, cells in rows(tree, path, "SETTING"):
        if len(cells) < 7 or len(cells[-2]) < 4:
            yield path, number, "a setting without a unit"
        elif len(cells[-1]) < 12:
            yield path, number, "a setting without a sentence"


def message(tree):
    path = "transport/messages.def"
    wires = {(cells[0], cells[1])
             for _, cells in rows(tree, "transport/wires.def", "WIRE")}
    numbers = {}
    for number, cells in rows(tree, path, "MESSAGE"):
        key, code, _, _, sender, receiver = cells[:6]
        if len(cells) < 7 or len(cells[6]) < 12:
            yield path, number, f"{code} without a sentence"
        if not {sender, receiver} & {"nobody", "any"} and (sender, receiver) not in wires:
            yield path, number, f"{code}: no wire from {sender} to {receiver}"
        if numbers.setdefault(key, code) != code:
            yield path, number, f"{code} has the number of {numbers[key]}"


def heading(tree):
    for path in tree.ending(".md"):
        fenced, count = False, 0
        for number, line in tree.lines(path):
            if line.lstrip().startswith(("```", "~~~")):
                fenced = not fenced
            elif line.startswith("# ") and not fenced:
                count += 1
                if count == 2:
                    yield path, number, "a second first-level heading"
        if count == 0:
            yield path, 1, "no first-level heading"


def link(tree):
    for path in tree.ending(".md"):
        for number, line in tree.lines(path):
            for target in re.findall(r"\]\(([^)\s]+)\)", line):
                if re.match(r"[a-z]+:|#", target):
                    continue
                there = os.path.join(os.path.dirname(path), target.split("#")[0])
                if not os.path.exists(tree.full(there)):
                    yield path, number, f"{target} is not there"


def machine(tree):
    for path in tree.ending(*TEXT):
        for number, line in tree.lines(path):
            found = MACHINE.search(line)
            if found:
                yield path, number, f"'{found.group(0)}' is of one machine"


def vague(tree):
    for path in tree.paths:
        name = os.path.basename(path)
        if VAGUE.match(name):
            yield path, 1, "a file without a noun has no owner"
        elif re.search(r"\.(cc|cpp|cxx|hpp)$", name):
            yield path, 1, "C only"


def layout(tree):
    """clang-format agrees; passed over where it is not installed."""
    program = shutil.which("clang-format-14") or shutil.which("clang-format")
    style = tree.full(".clang-format")
    files = tree.ending(".c", ".h")
    if not program or not files or not os.path.exists(style):
        return
    said = subprocess.run([program, "--dry-run", f"--style=file:{style}", *files],
                          cwd=tree.root, capture_output=True, text=True, check=False)
    seen = set()
    for found in re.finditer(r"^(\S+?):(\d+):\d+: (?:warning|error)", said.stderr, re.M):
        if found.group(1) not in seen:
            seen.add(found.group(1))
            yield found.group(1), int(found.group(2)), "not as clang-format would have it"


RULES = [layer, own_header_first, long_line, long_function, long_file, unlisted, alloc,
         unsafe, clock, chance, sleep, mark, setting, message, heading, link, machine, vague, layout]


def excused(path):
    """{(rule, path)} of an allow file: "RULE PATH REASON" a line."""
    pairs = set()
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip() or line.startswith("#"):
                continue
            words = line.split(None, 2)
            if len(words) < 3:
                raise ValueError(f"{path}:{number}: RULE PATH REASON is wanted")
            pairs.add((words[0], words[1]))
    return pairs


def complaints(tree, allow):
    """Every violation that is not excused, and every excuse that nobody needs."""
    needed = set()
    for rule in RULES:
        for path, line, sentence in rule(tree):
            if (rule.__name__, path) in allow:
                needed.add((rule.__name__, path))
            else:
                yield f"{path}:{line}: {sentence} [{rule.__name__}]"
    for rule, path in sorted(allow - needed):
        yield f"tests/tidy/allow: nobody needs '{rule} {path}' any more"
