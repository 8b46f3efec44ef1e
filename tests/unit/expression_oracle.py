#!/usr/bin/python3
"""Goal: the evaluator gives what the manual says, for expressions nobody thought of.

Method: random trees are evaluated here, by a second and independent reading of the
manual, and written in both languages for the evaluator; the answers must be the same,
types and kinds of fault included.
"""
import base64
import datetime
import hashlib
import json
import math
import os
import random
import subprocess
import unittest
import urllib.parse

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
LINES = os.path.join(BUILD, "tests/unit/expression_lines")
COUNT, DEPTH, SEED = 6000, 5, 20261125
LEAST, MOST = -2**63, 2**64 - 1
SCOPE = {
    "i": 7, "j": -3, "big": 2**63, "top": MOST, "low": LEAST, "f": 2.5, "g": 9007199254740993,
    "s": "héllo wörld", "t": "a,b,,c", "e": "", "n": None, "yes": True, "no": False,
    "l": [3, 1, 2.0, "x", None], "nums": [5, -1, 2.5, 0], "words": ["b", "a", "ab", "b"],
    "m": {"k": {"x": [1, {"y": "deep"}]}, "z": 1, "a b": 2}, "void": [], "bare": {},
    "rows": [{"k": "a", "v": 1}, {"k": "b", "v": 2.0}, {"k": "c"}],
}


class Fault(Exception):
    """What the evaluator says: invalid or not_found."""


def number(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def checked(value):
    if isinstance(value, int) and not isinstance(value, bool) and not LEAST <= value <= MOST:
        raise Fault("invalid")
    if isinstance(value, float) and (value != value or value in (float("inf"), -float("inf"))):
        raise Fault("invalid")
    return value


def need(holds):
    if not holds:
        raise Fault("invalid")


def equal(a, b):
    if number(a) and number(b):
        return a == b
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(equal(x, y) for x, y in zip(a, b))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(equal(a[k], b[k]) for k in a)
    return a == b


def less(a, b):
    if number(a) and number(b):
        return a < b
    need(isinstance(a, str) and isinstance(b, str))
    return a.encode() < b.encode()


def add(a, b):
    for kind in (str, list):
        if isinstance(a, kind) and isinstance(b, kind):
            return a + b
    need(number(a) and number(b))
    return checked(a + b if isinstance(a, int) and isinstance(b, int) else float(a) + float(b))


def subtract(a, b):
    need(number(a) and number(b))
    return checked(a - b if isinstance(a, int) and isinstance(b, int) else float(a) - float(b))


def multiply(a, b):
    need(number(a) and number(b))
    return checked(a * b if isinstance(a, int) and isinstance(b, int) else float(a) * float(b))


def divide(a, b):
    need(number(a) and number(b) and b != 0)
    if isinstance(a, int) and isinstance(b, int) and a % b == 0:
        return checked(a // b)
    return checked(float(a) / float(b))


def remainder(a, b):
    need(number(a) and number(b) and isinstance(a, int) and isinstance(b, int) and b != 0)
    return abs(a) % abs(b) * (-1 if a < 0 else 1)


def contains(whole, part):
    if isinstance(whole, list):
        return any(equal(item, part) for item in whole)
    need(isinstance(part, str) and isinstance(whole, (str, dict)))
    return part in whole


def truth(value):
    return bool(value)


def shown(value):
    if value is None:
        return ""
    return value if isinstance(value, str) else compact(value)


def real(value):
    """The fewest of 15 to 17 digits that read back the same."""
    for digits in (15, 16, 17):
        text = f"{value:.{digits}g}"
        if float(text) == value:
            break
    return text if "." in text or "e" in text else text + ".0"


def compact(value):
    if isinstance(value, float):
        return real(value)
    if isinstance(value, list):
        return "[" + ",".join(map(compact, value)) + "]"
    if isinstance(value, dict):
        return "{" + ",".join(f"{compact(k)}:{compact(v)}" for k, v in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)


def cut(value, begin, end):
    need(isinstance(value, (str, list)))
    return value[begin:end]


def both(a, b, kind):
    need(isinstance(a, kind) and isinstance(b, kind))


def total(items):
    result = items[0] if items else 0
    for item in items[1:]:
        result = add(result, item)
    need(number(result))
    return result


def extreme(items, sign):
    need(items)
    result = items[0]
    for item in items[1:]:
        if less(item, result) if sign < 0 else less(result, item):
            result = item
    return result


def ordered(items):
    if all(map(number, items)) or all(isinstance(i, str) for i in items):
        return sorted(items, key=lambda i: i.encode() if isinstance(i, str) else i)
    raise Fault("invalid")


def once(items):
    kept = []
    for item in items:
        if not any(equal(item, k) for k in kept):
            kept.append(item)
    return kept


def listed(value):
    need(isinstance(value, list))
    return value


def texted(value):
    need(isinstance(value, str))
    return value


def upper(value):
    return "".join(c.upper() if c.isascii() else c for c in texted(value))


def sized(value):
    need(isinstance(value, (str, list, dict)))
    return len(value)


def split(value, separator):
    both(value, separator, str)
    return value.split(separator) if separator else list(value)


def replaced(value, old, new):
    both(value, old, str)
    need(isinstance(new, str) and old)
    return value.replace(old, new)


def flat(value):
    out = []
    for item in listed(value):
        out += flat(item) if isinstance(item, list) else [item]
    return out


OPERATORS = {  # sign: level, meaning, the function of the other language
    "==": (3, equal, "eq"), "!=": (3, lambda a, b: not equal(a, b), "ne"),
    "<": (3, less, "lt"), "<=": (3, lambda a, b: not less(b, a), "le"),
    ">": (3, lambda a, b: less(b, a), "gt"), ">=": (3, lambda a, b: not less(a, b), "ge"),
    "+": (5, add, "add"), "-": (5, subtract, "sub"), "*": (6, multiply, "mul"),
    "/": (6, divide, "div"), "%": (6, remainder, "mod"),
    "contains": (3, contains, None),
}
# name: arguments, meaning, is the subject last in the other language?
FUNCTIONS = {
    "upper": (1, upper, True), "len": (1, sized, True), "json": (1, compact, True),
    "string": (1, shown, True), "not": (1, lambda a: not truth(a), False),
    "empty": (1, lambda a: not truth(a), True),
    "split": (2, split, True), "replace": (3, replaced, True),
    "join": (2, lambda a, b: texted(b).join(map(shown, listed(a))), True),
    "hasPrefix": (2, lambda a, b: texted(a).startswith(texted(b)), True),
    "hasSuffix": (2, lambda a, b: texted(a).endswith(texted(b)), True),
    "trimPrefix": (2, lambda a, b: texted(a).removeprefix(texted(b)), True),
    "contains": (2, contains, True), "reverse": (1, lambda a: cut(a, None, None)[::-1], True),
    "sort": (1, lambda a: ordered(listed(a)), True), "unique": (1, lambda a: once(listed(a)), True),
    "first": (1, lambda a: listed(a)[0] if listed(a) else None, True),
    "last": (1, lambda a: listed(a)[-1] if listed(a) else None, True),
    "flatten": (1, flat, True), "concat": (2, lambda a, b: listed(a) + listed(b), False),
    "append": (2, lambda a, b: listed(a) + [b], False),
    "sum": (1, lambda a: total(a if isinstance(a, list) else [a]), False),
    "min": (2, lambda a, b: extreme([a, b], -1), False),
    "max": (1, lambda a: extreme(a if isinstance(a, list) else [a], 1), False),
    "ternary": (3, lambda c, a, b: a if truth(c) else b, True),
    "fromJson": (1, lambda a: json.loads(compact_only(a)), True),
}


PREDICATES = {
    "map": lambda items, results: results,
    "filter": lambda items, results: [i for i, r in zip(items, results) if r],
    "find": lambda items, results: next((i for i, r in zip(items, results) if r), None),
    "count": lambda items, results: sum(results),
    "all": lambda items, results: all(results),
    "any": lambda items, results: any(results),
    "none": lambda items, results: not any(results),
}


def compact_only(value):
    """Only what is surely JSON or surely not is asked for."""
    try:
        json.loads(texted(value), parse_constant=lambda _: need(False))
    except ValueError as wrong:
        raise Fault("invalid") from wrong
    return value


def walk(path):
    value = SCOPE
    for name in path:
        if isinstance(value, list) and isinstance(name, int) and -len(value) <= name < len(value):
            value = value[name]
        elif isinstance(value, dict) and str(name) in value:
            value = value[str(name)]
        else:
            raise Fault("not_found")
    return value


class Tree:
    """A random tree: `value` evaluates it, `infix` and `prefix` write it."""

    items = []  # of the predicates that are being evaluated

    def __init__(self, rng, depth, inside=False):
        self.kind = rng.choice(["literal", "path", "path"] if depth == 0 else [
            "literal", "path", "path", "operator", "operator", "operator", "call", "call",
            "list", "map", "choice", "ternary", "logic", "slice", "negate", "each"])
        grow = lambda within=inside: Tree(rng, depth - 1, within)
        if inside and self.kind == "path" and rng.random() < 0.6:
            self.kind, self.word = "item", None
        self.parts = []
        if self.kind == "literal":
            self.word = rng.choice([0, 1, -1, 2, 1.5, 0.1, 1e21, MOST, "", "a", "b", 'q"\\\n',
                                    ",", "é", True, False, None])
        elif self.kind == "item":
            return
        elif self.kind == "path":
            self.word = self.path(rng)
        elif self.kind == "each":
            self.word = rng.choice(list(PREDICATES))
            self.parts = [grow(), grow(True)]
        elif self.kind == "operator":
            self.word = rng.choice(list(OPERATORS))
            self.parts = [grow(), grow()]
        elif self.kind == "call":
            self.word = rng.choice(list(FUNCTIONS))
            self.parts = [grow() for _ in range(FUNCTIONS[self.word][0])]
        elif self.kind in ("list", "map"):
            self.parts = [grow() for _ in range(rng.randrange(4))]
            self.word = [rng.choice(["k", "x", "a b"]) for _ in self.parts]
        elif self.kind == "logic":
            self.word = rng.choice(["&&", "||", "and", "or"])
            self.parts = [grow(), grow()]
        elif self.kind == "slice":
            self.word = [rng.choice([None, 0, 1, 2, -1, 9]) for _ in range(2)]
            self.parts = [grow()]
        elif self.kind == "negate":
            self.word = rng.choice("!-")
            self.parts = [grow()]
        else:
            self.parts = [grow() for _ in range(3 if self.kind == "ternary" else 2)]
            self.word = None
            if self.kind == "choice":
                self.parts[0] = Tree(rng, 0, inside)

    @staticmethod
    def path(rng):
        value, path = SCOPE, []
        while not path or rng.random() < 0.5:
            if isinstance(value, dict) and value and rng.random() < 0.95:
                path.append(rng.choice(list(value)))
            elif isinstance(value, list) and rng.random() < 0.95:
                path.append(rng.randrange(-1, len(value) + 1))
            else:
                path.append("nope")
            try:
                value = walk(path)
            except Fault:
                value = None
        return path

    def value(self):
        kind, word, parts = self.kind, self.word, self.parts
        if kind == "literal":
            return word
        if kind == "path":
            return walk(word)
        if kind == "item":
            return Tree.items[-1]
        if kind == "each":
            return self.each()
        if kind == "ternary":
            test = parts[0].value()
            need(isinstance(test, bool))
            return parts[1 if test else 2].value()
        if kind == "choice":
            try:
                first = parts[0].value()
            except Fault:
                first = None
            return parts[1].value() if first is None else first
        if kind == "logic":
            first = parts[0].value()
            need(isinstance(first, bool))
            if first == (word in ("||", "or")):
                return first
            second = parts[1].value()
            need(isinstance(second, bool))
            return second
        values = [part.value() for part in parts]
        if kind == "operator":
            return OPERATORS[word][1](*values)
        if kind == "call":
            return FUNCTIONS[word][1](*values)
        if kind == "list":
            return values
        if kind == "map":
            return dict(zip(word, values))
        if kind == "slice":
            return cut(values[0], *word)
        if word == "!":
            need(isinstance(values[0], bool))
            return not values[0]
        need(number(values[0]))
        return checked(-values[0])

    def each(self):
        results, items = [], listed(self.parts[0].value())
        for item in items:
            Tree.items.append(item)
            try:
                results.append(self.parts[1].value())
            finally:
                Tree.items.pop()
        if self.word != "map":
            need(all(isinstance(r, bool) for r in results))
        return PREDICATES[self.word](items, results)

    def infix(self, level=0):
        word, parts = self.word, self.parts
        if self.kind == "literal":
            return f"({literal(word)})" if number(word) and word < 0 else literal(word)
        if self.kind == "item":
            return "#"
        if self.kind == "each":
            return f"{word}({parts[0].infix()}, ({parts[1].infix()}))"
        if self.kind == "path":
            return "".join([word[0]] + [
                f".{n}" if isinstance(n, str) and " " not in n else f"[{literal(n)}]"
                for n in word[1:]])
        if self.kind == "call":
            return f"{word}({', '.join(p.infix() for p in parts)})" if word != "not" \
                else f"empty({parts[0].infix()})"
        if self.kind == "list":
            return f"[{', '.join(p.infix() for p in parts)}]"
        if self.kind == "map":
            return "{" + ", ".join(
                f"{literal(k)}: {p.infix()}" for k, p in zip(word, parts)) + "}"
        if self.kind == "slice":
            begin, end = ("" if w is None else w for w in word)
            return f"({parts[0].infix()})[{begin}:{end}]"
        if self.kind == "negate":
            return f"{word}({parts[0].infix()})"
        if self.kind == "choice":
            return f"({parts[0].infix()} ?? ({parts[1].infix()}))"
        if self.kind == "ternary":
            return f"({parts[0].infix(1)} ? {parts[1].infix()} : {parts[2].infix()})"
        own = OPERATORS[word][0] if self.kind == "operator" else 2 if word in ("&&", "and") else 1
        text = f"{parts[0].infix(own)} {word} {parts[1].infix(own + 1)}"
        return text if own >= level else f"({text})"

    def prefix(self):
        """Nothing if the other language has no such form."""
        word, parts = self.word, [p.prefix() for p in self.parts]
        if None in parts:
            return None
        if self.kind == "literal":
            return literal(word)
        if self.kind == "path":
            if any(not isinstance(n, str) or " " in n for n in word):
                return f"(index .{word[0]} {' '.join(literal(n) for n in word[1:])})"
            return "." + ".".join(word)
        if self.kind == "call":
            if FUNCTIONS[word][2]:
                parts = parts[1:] + parts[:1]
            return f"({word} {' '.join(parts)})"
        if self.kind == "operator" and OPERATORS[word][2]:
            return f"({OPERATORS[word][2]} {' '.join(parts)})"
        return None


def literal(word):
    return json.dumps(word, ensure_ascii=False)


def same(a, b):
    if type(a) is not type(b):
        return False
    if isinstance(a, list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(same(a[k], b[k]) for k in a)
    return a == b


def stamp(moment):
    text = moment.strftime("%Y-%m-%dT%H:%M:%S").rjust(19, "0")
    return text + (f".{moment.microsecond // 1000:03}Z" if moment.microsecond else "Z")


def library_case(rng):
    """(text, value): a function that Python's library has, too."""
    moment = datetime.datetime(1, 1, 1) + datetime.timedelta(
        milliseconds=rng.randrange(9998 * 365 * 86400000))
    unix_ms = round((moment - datetime.datetime(1970, 1, 1)) / datetime.timedelta(milliseconds=1))
    text = "".join(rng.choice("aZ09 /+%&=é漢😀\n\"") for _ in range(rng.randrange(9)))
    real, whole = rng.uniform(-1e6, 1e6), rng.randrange(-10**6, 10**6)
    width, digits = rng.randrange(12), rng.randrange(6)
    flag, verb = rng.choice(["", "-", "+", "0", " "]), rng.choice("feg")
    quoted, time = literal(text), literal(stamp(moment))
    offset = rng.randrange(-1439, 1440)
    local = moment + datetime.timedelta(minutes=offset) if 1 < moment.year < 9998 else None
    zone = f"{'-' if offset < 0 else '+'}{abs(offset) // 60:02}:{abs(offset) % 60:02}"
    later = rng.randrange(10**9)
    return rng.choice([
        (f"sha256({quoted})", hashlib.sha256(text.encode()).hexdigest()),
        (f"hex({quoted})", text.encode().hex()),
        (f"b64enc({quoted})", base64.b64encode(text.encode()).decode()),
        (f"b64dec({literal(base64.b64encode(text.encode()).decode())})", text),
        (f"urlencode({quoted})", urllib.parse.quote(text, safe="")),
        (f"urldecode({literal(urllib.parse.quote_plus(text))})", text),
        (f"quote({quoted})", json.dumps(text, ensure_ascii=False)),
        (f"toUnixMs({time})", unix_ms),
        (f"toUnix({time})", unix_ms // 1000),
        (f"fromUnixMs({unix_ms})", stamp(moment)),
        (f"formatTime({time}, '%j %a %A %b %B %u %d %m %H:%M:%S')",
         moment.strftime("%j %a %A %b %B %u %d %m %H:%M:%S")),
        (f"toUnixMs({literal(stamp(local or moment)[:-1] + (zone if local else 'Z'))})", unix_ms),
        (f"fromUnixMs(toUnixMs(addDuration({time}, '-{later}ms')) + {later})", stamp(moment))
        if moment.year > 1 else ("1", 1),
        (f"printf('%{flag}{width}.{digits}{verb}', {real!r})",
         f"%{flag}{width}.{digits}{verb}" % real),
        (f"printf('%{flag}{width}d', {whole})", f"%{flag}{width}d" % whole),
        (f"printf('%{'-' if flag == '-' else ''}{width}.{digits}s', {quoted})",
         f"%{'-' if flag == '-' else ''}{width}.{digits}s" % text),
        (f"floor({real!r})", math.floor(real)), (f"ceil({real!r})", math.ceil(real)),
        (f"int({real!r})", int(real)), (f"round({whole}.5)", int(whole + math.copysign(1, whole))
         if whole else 1),
    ])


class OracleTest(unittest.TestCase):
    def ask(self, cases):
        given = "".join(json.dumps([form, text, SCOPE]) + "\n" for form, text, _ in cases)
        said = subprocess.run([LINES], input=given, capture_output=True, text=True, check=True)
        answers = said.stdout.splitlines()
        self.assertEqual(len(answers), len(cases))
        return zip(cases, answers)

    def test_functions_give_what_the_library_of_python_gives(self):
        rng = random.Random(int(os.environ.get("SEED", SEED)))
        cases = [("value", *library_case(rng)) for _ in range(COUNT)]
        for (_, text, wanted), line in self.ask(cases):
            self.assertTrue(same(json.loads(line), {"value": wanted}),
                            f"{text}\nsaid {line}\nnot  {wanted!r}")

    def test_both_languages_give_what_the_oracle_gives(self):
        rng = random.Random(int(os.environ.get("SEED", SEED)))
        cases = []
        for _ in range(COUNT):
            tree = Tree(rng, rng.randrange(DEPTH + 1))
            try:
                wanted = {"value": tree.value()}
            except Fault as fault:
                wanted = {"err": str(fault)}
            cases.append(("value", tree.infix(), wanted))
            prefix = tree.prefix()
            if prefix:
                cases.append(("template", "{{ " + prefix + " }}", wanted))
                if "value" in wanted:
                    cases.append(("template", "<{{ " + prefix + " }}>${{ " + tree.infix() + " }}",
                                  {"value": f"<{shown(wanted['value'])}>{shown(wanted['value'])}"}))
        faults = 0
        for (form, text, wanted), line in self.ask(cases):
            got = json.loads(line)
            faults += "err" in wanted
            if "err" in wanted:
                # With the subject last, another of two faults may come first.
                either = {"invalid", "not_found"} if form == "template" else {wanted["err"]}
                self.assertIn(got.get("err"), either, f"{form} {text}: {line}")
            else:
                self.assertTrue(same(got, wanted), f"{form} {text}\nsaid {line}\nnot  {wanted}")
        self.assertLess(faults, 3 * len(cases) // 4)


if __name__ == "__main__":
    unittest.main()
