"""Random automations, and what must come of them.

    automation = Automation(seed)
    automation.definition    what is applied: a document of the language
    automation.outcome(x, tag)   what a run with these inputs must become

The outcome is computed from the definition alone, by the rules of docs/automations.md;
nothing here has seen the engine.  A run's data is a flow of whole numbers: each step
makes a number of those of the steps that it may speak of, so that one step too many, too
few or out of turn is seen in what comes after it.
"""
import dataclasses
import random

LARGEST = 9973  # numbers are kept below, so that they are exact everywhere
CHILDREN = 12   # automations that others start, by the names child-0 …


# ---- numbers and conditions, as both sides read them ----

def name_of(key):
    return f'steps["{key}"]' if "-" in key else f"steps.{key}"


@dataclasses.dataclass
class Step:
    key: str
    kind: str
    needs: list = dataclasses.field(default_factory=list)
    on_error: str = "fail"       # or continue, or the key of a step
    handles: str = ""            # key of a step
    condition: "Condition" = None
    fields: dict = dataclasses.field(default_factory=dict)
    attempts: int = 1
    retry_on: list = None
    number: "Sum" = None         # what it makes
    fails: "Sum" = None          # so many attempts of an action fail
    error: str = "Again"
    hangs: bool = False          # an action that never ends, a wait for nothing
    on_timeout: str = "fail"
    body: list = dataclasses.field(default_factory=list)
    items: list = None           # of Sums
    concurrency: int = 1
    go_on: bool = False
    item: str = ""
    checks: list = None          # of Conditions
    child: str = ""


def flat(items):
    for item in items:
        yield from flat(item) if isinstance(item, list) else [item]


@dataclasses.dataclass
class Term:
    """A number: of the run's input, of an item, or of a step that may be over."""
    kind: str        # x, item, index, step, context, each, inner, status
    key: str = ""
    inner: str = ""

    def text(self):
        return {
            "x": "inputs.x", "item": self.key, "index": "index",
            "step": f"({name_of(self.key)}.output?.n ?? 0)",
            "context": f"(context.{self.key}?.n ?? 0)",
            "each": f"sum(map(flatten({name_of(self.key)}.output ?? []), #?.n ?? 0))",
            "inner": f'(get({name_of(self.key)}.output ?? {{}}, "{self.inner}.n") ?? 0)',
            "status": f'({name_of(self.key)}.status == "completed" ? 3 : 5)',
        }[self.kind]

    def value(self, scope):
        if self.kind in ("x", "item", "index"):
            return scope.values[self.key or self.kind]
        result = scope.find(self.key)
        if self.kind == "status":
            return 3 if result.status == "completed" else 5
        output = result.output
        if self.kind == "each":
            return sum((item or {}).get("n", 0) for item in flat(output or []))
        if self.kind == "inner":
            output = (output or {}).get(self.inner)
        return (output or {}).get("n", 0)


@dataclasses.dataclass
class Sum:
    """(factor * term + … + more) % modulus"""
    terms: list      # of (factor, Term)
    more: int
    modulus: int = LARGEST

    def bare(self):
        parts = [f"{factor} * {term.text()}" for factor, term in self.terms]
        return f"({' + '.join(parts + [str(self.more)])}) % {self.modulus}"

    def text(self):
        return "${{ " + self.bare() + " }}"

    def value(self, scope):
        return (sum(factor * term.value(scope) for factor, term in self.terms)
                + self.more) % self.modulus


@dataclasses.dataclass
class Condition:
    sum: Sum
    least: int

    def text(self):
        return f"{self.sum.bare()} >= {self.least}"

    def value(self, scope):
        return self.sum.value(scope) >= self.least


# ---- making them ----

class Maker:
    """Steps of one automation."""

    def __init__(self, chance, may_call):
        self.chance, self.may_call = chance, may_call
        self.count = 0
        self.in_order = True  # no item goes beside another one here

    def key(self):
        self.count += 1
        return f"s{'-' if self.chance.random() < .2 else ''}{self.count}"

    def often(self, part):
        return self.chance.random() < part

    def terms_of(self, step):
        """How others may speak of it."""
        if step.kind == "each":
            return [Term("each", step.key), Term("status", step.key)]
        if step.kind == "parallel":
            return [Term("inner", step.key, inner.key) for inner in step.body
                    if inner.kind in ("action", "set")] + [Term("status", step.key)]
        found = [Term("step", step.key), Term("status", step.key)]
        if "-" not in step.key:
            found.append(Term("context", step.key))
        return found

    def sum(self, visible, modulus=LARGEST):
        picked = [self.chance.choice(visible)
                  for _ in range(self.chance.randint(1, 3))]
        return Sum([(self.chance.randint(1, 9), term) for term in picked],
                   self.chance.randint(0, 99), modulus)

    def condition(self, visible):
        return Condition(self.sum(visible, 10), self.chance.randint(2, 8))

    # -- a step of each kind: `visible` is what it may speak of --

    def action(self, step, visible, depth):
        step.number = self.sum(visible)
        step.attempts = self.chance.choice([1, 1, 2, 3, 4])
        step.fails = (self.sum(visible, self.chance.randint(1, 4)) if self.often(.4)
                      else Sum([], 0, 7))
        step.error = self.chance.choice(["Again", "Other"])
        if self.often(.2):
            step.retry_on = ["Again"]
        step.hangs = self.often(.04)
        self.timeout(step, "action")

    def timeout(self, step, kind):
        step.on_timeout = self.chance.choice(["fail", "skip", "continue"])
        if step.hangs:
            ms = self.chance.randint(20, 120)
            step.fields["timeout"] = {"duration": f"{ms}ms",
                                      "on_timeout": step.on_timeout}
            step.attempts = min(step.attempts, 2) if kind == "action" else 1

    def set(self, step, visible, depth):
        step.number = self.sum(visible)

    def sleep(self, step, visible, depth):
        step.fields["duration"] = f"{self.chance.randint(1, 60)}ms"

    def check(self, step, visible, depth):
        step.checks = [self.condition(visible)
                       for _ in range(self.chance.randint(1, 2))]
        step.go_on = self.often(.4)
        step.attempts = self.chance.choice([1, 1, 2])

    def wait_for_event(self, step, visible, depth):
        step.number = self.sum(visible)
        step.hangs = self.often(.2)
        self.timeout(step, "wait")

    def automation(self, step, visible, depth):
        step.child = f"child-{self.chance.randrange(CHILDREN)}"
        step.number = self.sum(visible)

    def parallel(self, step, visible, depth):
        mode = self.chance.choice(["side", "branches"])
        step.fields["mode"] = mode
        if mode == "side":
            step.body = self.steps(self.chance.randint(1, 4), visible, depth + 1, "side")
            return
        step.fields["branches"] = [
            self.steps(self.chance.randint(1, 3), visible, depth + 1, "sequence")
            for _ in range(self.chance.randint(1, 3))]
        step.body = [inner for branch in step.fields["branches"] for inner in branch]

    def each(self, step, visible, depth):
        most = 40 if self.often(.05) else 5
        step.items = [Sum([], self.chance.randint(0, 99), LARGEST) if self.often(.7)
                      else self.sum(visible)
                      for _ in range(self.chance.randint(0, most))]
        step.item = f"item{self.count}"
        inside = [t for t in visible if t.kind != "index"]
        inside += [Term("item", step.item), Term("index", "index")]
        step.go_on = self.often(.5)
        # Which items had begun when one failed depends on nothing if they go in order.
        step.concurrency = self.chance.randint(1, 4) if step.go_on else 1
        before, self.in_order = self.in_order, self.in_order and step.concurrency == 1
        step.body = self.steps(self.chance.randint(1, 3), inside, depth + 1)
        self.in_order = before

    # -- lists --

    def kind(self, depth):
        kinds = ["action"] * 8 + ["set"] * 4 + ["sleep", "check"]
        if self.in_order:  # a wait looks behind the event that the one before had
            kinds += ["wait_for_event"]
        if depth < 2:
            kinds += ["parallel"] * 2 + ["each"] * 2
        if self.may_call:
            kinds += ["automation"]
        return self.chance.choice(kinds)

    def steps(self, count, outer, depth=0, mode=None):
        """A list: what each needs, and so what it may speak of."""
        mode = mode or self.chance.choice(["sequence", "graph"])
        made, speaks = [], {}  # step, and what those that need it may speak of
        for _ in range(count):
            step = Step(self.key(), self.kind(depth))
            plain = [s for s in made if not s.handles]
            if mode == "sequence":
                step.needs = [plain[-1].key] if plain else []
            else:
                picked = self.chance.sample(plain, min(len(plain),
                                                       self.chance.randint(0, 2)))
                step.needs = [s.key for s in picked]
            self.fill(step, made, speaks, outer, depth)
            step.fields["list"] = mode
        return made

    def fill(self, step, made, speaks, outer, depth):
        visible = list(outer)
        for need in step.needs:
            visible += [t for t in speaks[need] if t not in visible]
        if visible and self.often(.25):
            step.condition = self.condition(visible)
        getattr(self, step.kind)(step, visible, depth)
        made.append(step)
        speaks[step.key] = visible + self.terms_of(step)
        if step.kind == "parallel":
            speaks[step.key] += [t for s in step.body for t in self.terms_of(s)]
        if step.kind == "sleep" or self.often(.5):
            return
        step.on_error = "continue"
        if self.often(.4):
            handler = Step(self.key(), self.chance.choice(["action", "set"]),
                           handles=step.key,
                           on_error=self.chance.choice(["fail", "continue"]))
            getattr(self, handler.kind)(handler, speaks[step.key], depth)
            step.on_error = handler.key
            handler.fields["list"] = "handler"
            made.append(handler)


# ---- as a document ----

def template_of(step):
    """The fields that only its kind has."""
    if step.kind == "action":
        return {"action": "count", "with": {
            "n": step.number.text(), "fails": step.fails.text(), "error": step.error,
            "hangs": step.hangs}}
    if step.kind == "set":
        return {"values": {"n": step.number.text()}}
    if step.kind == "check":
        return {"checks": [{"name": f"c{i}", "expr": check.text()}
                           for i, check in enumerate(step.checks)],
                "on_fail": "continue" if step.go_on else "fail"}
    if step.kind == "wait_for_event":
        return {"event_type": f"count.{step.key}", "lookback": "1h", "match": {
            "tag": "${{ inputs.tag }}", "step": step.key, "n": step.number.text()},
            "mapping": {"n": "event.n + 1"}}
    if step.kind == "automation":
        return {"automation": step.child, "wait": True,
                "inputs": {"x": step.number.text(), "tag": "${{ inputs.tag }}"}}
    if step.kind == "parallel" and step.fields["mode"] == "branches":
        return {"branches": {f"b{i}": [document(s) for s in branch]
                             for i, branch in enumerate(step.fields["branches"])}}
    if step.kind == "parallel":
        return {"steps": [document(s) for s in step.body]}
    if step.kind == "each":
        items = ", ".join(item.bare() for item in step.items)
        return {"items": "${{ [" + items + "] }}", "as": step.item,
                "concurrency": step.concurrency,
                "on_item_error": "continue" if step.go_on else "stop",
                "steps": [document(s) for s in step.body]}
    return {"duration": step.fields["duration"]}


def document(step):
    made = {"key": step.key, "kind": step.kind, "on_error": step.on_error,
            **template_of(step)}
    if step.fields["list"] not in ("sequence", "handler"):
        made["needs"] = step.needs
    if step.condition:
        made["if"] = step.condition.text()
    if "timeout" in step.fields:
        made["timeout"] = step.fields["timeout"]
    if step.attempts > 1:
        made["retry"] = {"max_attempts": step.attempts, "delay": "5ms",
                         "backoff": "linear", "jitter": "50%"}
        if step.retry_on:
            made["retry"]["retry_on"] = step.retry_on
    return made


# ---- what must come of it ----

@dataclasses.dataclass
class Result:
    status: str = "pending"
    output: object = None
    passes: bool = False
    error: str = ""       # type, where the language names it
    reports: int = 0      # that are accepted, of an action


class Scope:
    """What a step may see: values by name, results by key."""

    def __init__(self, values, around=None):
        self.values = values
        self.around, self.results = around, {}

    def find(self, key):
        if key in self.results:
            return self.results[key]
        return self.around.find(key)


class Oracle:
    """One run.  `results` are by the keys that the engine shows."""

    def __init__(self, automation, x, tag):
        self.tag = tag
        self.results = {}   # shown key → Result
        self.events = []    # that it waits for: data, each once
        self.children = []  # of (automation, Oracle)
        self.whole = Scope({"x": x})
        self.run_list(automation.steps, self.whole, "")
        broken = [s for s in automation.steps if self.is_fatal(s, self.whole)]
        self.status = "failed" if broken else "completed"
        self.clean(automation, self.whole)
        self.output = None
        if not broken:
            self.output = {"n": automation.total.value(self.whole)}
            for step in automation.inside():
                self.output[step.key] = self.whole.results[step.key].output

    def clean(self, automation, scope):
        self.run_list(automation.cleanup, scope, "")

    @staticmethod
    def is_fatal(step, scope):
        return scope.results[step.key].status == "failed" and step.on_error == "fail"

    # -- a list, in an order in which each comes behind what it needs --

    def run_list(self, steps, scope, prefix):
        self.lay_out(steps, scope, prefix)
        handlers = {step.handles: step for step in steps if step.handles}
        for step in steps:
            if step.handles:
                continue
            self.run_step(step, scope, prefix)
            result, handler = scope.results[step.key], handlers.get(step.key)
            if handler is None:
                continue
            if result.status != "failed":
                self.keep(handler, scope, prefix, Result("skipped", passes=True))
                continue
            self.run_kind(handler, scope, prefix)
            result.passes = scope.results[handler.key].passes

    def lay_out(self, steps, scope, prefix):
        """The steps of a parallel are there from the beginning, those of items are not."""
        for step in steps:
            self.results[prefix + step.key] = scope.results[step.key] = Result()
            if step.kind == "parallel":
                self.lay_out(step.body, scope, prefix)

    def keep(self, step, scope, prefix, result):
        if result.status == "completed":
            result.passes = True
        if result.status == "failed":
            result.passes = step.on_error == "continue"
        self.results[prefix + step.key] = scope.results[step.key] = result

    def run_step(self, step, scope, prefix):
        if not all(scope.results[need].passes for need in step.needs):
            self.keep(step, scope, prefix, Result("skipped"))
        elif step.condition and not step.condition.value(scope):
            self.keep(step, scope, prefix, Result("skipped", passes=True))
        else:
            self.run_kind(step, scope, prefix)

    def run_kind(self, step, scope, prefix):
        result = getattr(self, step.kind)(step, scope, prefix)
        self.keep(step, scope, prefix, result)

    # -- kinds --

    @staticmethod
    def late(step):
        if step.on_timeout == "fail":
            return Result("failed", error="Timeout")
        return Result("skipped" if step.on_timeout == "skip" else "completed")

    def action(self, step, scope, prefix):
        if step.hangs:
            return self.late(step)
        fails = step.fails.value(scope)
        for attempt in range(1, step.attempts + 1):
            if attempt > fails:
                return Result("completed", {"n": step.number.value(scope)},
                              reports=attempt)
            if step.retry_on and step.error not in step.retry_on:
                break
        return Result("failed", error=step.error, reports=attempt)

    def set(self, step, scope, prefix):
        return Result("completed", {"n": step.number.value(scope)})

    def sleep(self, step, scope, prefix):
        return Result("completed")

    def check(self, step, scope, prefix):
        passed = [check.value(scope) for check in step.checks]
        if not all(passed) and not step.go_on:
            return Result("failed", error="CheckFailed")
        return Result("completed", {
            "verdict": "pass" if all(passed) else "fail",
            "checks": [{"name": f"c{i}", "passed": p} for i, p in enumerate(passed)]})

    def wait_for_event(self, step, scope, prefix):
        if step.hangs:
            return self.late(step)
        n = step.number.value(scope)
        self.events.append({"tag": self.tag, "step": step.key, "n": n})
        return Result("completed", {"n": n + 1})

    def automation(self, step, scope, prefix):
        child = Oracle(Automation.child(step.child), step.number.value(scope), self.tag)
        self.children.append((step.child, child))
        self.events += child.events
        if child.status == "failed":
            return Result("failed")
        return Result("completed", child.output)

    def parallel(self, step, scope, prefix):
        inside = Scope(scope.values, scope)
        lists = step.fields.get("branches", [step.body])
        for steps in lists:
            self.run_list(steps, inside, prefix)
        scope.results.update(inside.results)
        if any(self.is_fatal(s, inside) for s in step.body):
            return Result("failed")
        return Result("completed", {s.key: inside.results[s.key].output
                                    for s in step.body})

    def each(self, step, scope, prefix):
        outputs, broken = [], False
        last = [s for s in step.body if not s.handles][-1]
        items = [item.value(scope) for item in step.items]
        for number, item in enumerate(items):
            inside = Scope({**scope.values, step.item: item, "index": number}, scope)
            place = f"{prefix}{step.key}[{number}]."
            if broken and not step.go_on:
                continue
            self.run_list(step.body, inside, place)
            broken |= any(self.is_fatal(s, inside) for s in step.body)
            outputs.append(inside.results[last.key].output)
        if broken and not step.go_on:
            return Result("failed")
        return Result("completed", outputs)


# ---- the whole ----

POLICIES = ("allow", "queue", "forbid", "replace")


class Automation:
    """Of a seed: steps, cleanup, a policy; `gate` is a first step that waits."""

    known = {}  # children by name

    def __init__(self, seed, name=None):
        chance = random.Random(f"automation {seed}")
        self.seed, self.name = seed, name or f"random-{seed}"
        maker = Maker(chance, may_call=name is None)
        self.policy = "allow" if name else chance.choices(POLICIES, (12, 2, 1, 1))[0]
        self.max = chance.randint(1, 2)
        self.runs = 1 if name or self.policy == "allow" else chance.randint(2, 4)
        self.gated = self.policy in ("forbid", "replace")
        root = [Term("x")]
        size = chance.randint(1, 3) if name else chance.randint(2, 9)
        self.steps = maker.steps(size, root, mode="sequence" if self.gated else None)
        over = [t for s in self.steps for t in maker.terms_of(s)]
        self.total = Sum([(chance.randint(1, 9), t) for t in over], 1)
        self.cleanup = (maker.steps(chance.randint(1, 2), root + over, depth=2)
                        if chance.random() < .3 else [])
        if self.gated:
            gate = Step("gate", "wait_for_event", number=Sum([], 0))
            gate.fields["list"] = "sequence"
            self.steps[0].needs = ["gate"]
            self.steps.insert(0, gate)

    @classmethod
    def child(cls, name):
        if name not in cls.known:
            cls.known[name] = cls(name, name)
        return cls.known[name]

    def inside(self):
        """Steps whose outputs are put together of others."""
        return [step for step in self.steps if step.kind in ("parallel", "each")]

    @property
    def definition(self):
        made = {
            "name": self.name,
            "inputs": {"x": {"type": "integer", "required": True},
                       "tag": {"type": "string", "required": True}},
            "steps": [document(s) for s in self.steps],
            "output": {"n": self.total.text(), **{
                step.key: "${{ " + name_of(step.key) + ".output }}"
                for step in self.inside()}},
        }
        if self.cleanup:
            made["cleanup"] = [document(s) for s in self.cleanup]
        if self.policy == "queue":
            made["concurrency"] = {"policy": "queue", "max": self.max}
        elif self.policy != "allow":
            made["concurrency"] = self.policy
        return made

    def outcome(self, x, tag):
        return Oracle(self, x, tag)


class Replaced(Oracle):
    """A run that another one has replaced while it stood at its gate, or while it waited
    until an older one was over: then nothing of it had begun."""

    def __init__(self, automation, x, tag, begun=True):
        self.tag, self.results, self.events, self.children = tag, {}, [], []
        self.whole = Scope({"x": x})
        self.status, self.output = "cancelled", None
        self.lay_out(automation.steps + automation.cleanup, self.whole, "")
        if begun:
            self.keep(automation.steps[0], self.whole, "", Result("cancelled"))
            self.clean(automation, self.whole)
