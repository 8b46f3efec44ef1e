"""Debian's chromium without a window, driven by its DevTools protocol over two pipes.

    with Browser() as browser:
        page = browser.page("http://127.0.0.1:3000/console/")
        page.until("document.title === 'runs - Capstan'")
"""
import fcntl
import json
import os
import select
import shutil
import signal
import tempfile
import time

CHROMIUM = shutil.which("chromium")
DEADLINE = 60  # seconds; only a broken page takes that long
# As root, and in a container, it cannot shut itself in; what it opens is ours.
FLAGS = ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--no-first-run", "--disable-extensions", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--remote-debugging-pipe")


def high(ends):
    """The same, away from the numbers that the browser expects."""
    moved = [fcntl.fcntl(end, fcntl.F_DUPFD_CLOEXEC, 20) for end in ends]
    for end in ends:
        os.close(end)
    return moved


class Browser:
    def __init__(self):
        self.folder = tempfile.mkdtemp(prefix="capstan-browser-")
        self.input, self.number, self.pages = b"", 0, {}
        theirs, self.output = high(os.pipe())
        self.source, said = high(os.pipe())
        nothing, = high([os.open(os.devnull, os.O_RDWR)])
        ends = (nothing, nothing, nothing, theirs, said)
        self.pid = os.posix_spawn(
            CHROMIUM, [CHROMIUM, *FLAGS, f"--user-data-dir={self.folder}"],
            {**os.environ, "HOME": self.folder, "TMPDIR": self.folder},
            file_actions=[(os.POSIX_SPAWN_DUP2, end, i) for i, end in enumerate(ends)],
            setpgroup=0)
        for end in set(ends):
            os.close(end)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        """All of its processes are in one group, and go at once."""
        os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.output)
        os.close(self.source)
        shutil.rmtree(self.folder, ignore_errors=True)

    def hear(self):
        """Its next message, which goes to the page that it is about."""
        end = time.monotonic() + DEADLINE
        while b"\0" not in self.input:
            left = max(0, end - time.monotonic())
            piece = select.select([self.source], [], [], left)[0] \
                and os.read(self.source, 1 << 16)
            if not piece:
                raise AssertionError("the browser says nothing")
            self.input += piece
        text, self.input = self.input.split(b"\0", 1)
        message = json.loads(text)
        page = self.pages.get(message.get("sessionId"))
        if page is not None and "method" in message:
            page.heard(message["method"], message["params"])
        return message

    def ask(self, method, session=None, **params):
        self.number += 1
        asked = {"id": self.number, "method": method, "params": params}
        if session is not None:
            asked["sessionId"] = session
        os.write(self.output, json.dumps(asked).encode() + b"\0")
        while (answer := self.hear()).get("id") != asked["id"]:
            pass
        if "error" in answer:
            raise AssertionError(f"{method}: {answer['error']}")
        return answer["result"]

    def page(self, address):
        """A tab of its own, with nothing of what others keep."""
        context = self.ask("Target.createBrowserContext")["browserContextId"]
        target = self.ask("Target.createTarget", url="about:blank",
                          browserContextId=context)["targetId"]
        session = self.ask("Target.attachToTarget", targetId=target,
                           flatten=True)["sessionId"]
        page = self.pages[session] = Page(self, session)
        for domain in ("Runtime", "Log", "Page"):
            page.ask(f"{domain}.enable")
        page.go(address)
        return page


class Page:
    def __init__(self, browser, session):
        self.browser, self.session = browser, session
        self.wrong = []  # exceptions that nobody caught, and complaints of the browser

    def heard(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.wrong.append(details.get("exception", {}).get("description")
                              or details["text"])
        elif method == "Log.entryAdded" and params["entry"]["level"] == "error":
            self.wrong.append(params["entry"]["text"])

    def ask(self, method, **params):
        return self.browser.ask(method, self.session, **params)

    def go(self, address):
        self.ask("Page.navigate", url=address)

    def value(self, expression):
        """Of JavaScript in the page."""
        answer = self.ask("Runtime.evaluate", expression=expression, returnByValue=True,
                          awaitPromise=True)
        if "exceptionDetails" in answer:
            raise AssertionError(f"{expression}: {answer['exceptionDetails']}")
        return answer["result"].get("value")

    def text(self):
        return self.value("document.body?.innerText ?? ''")

    def until(self, expression, deadline=DEADLINE):
        """The first true value of it."""
        end = time.monotonic() + deadline
        while not (value := self.value(expression)):
            if time.monotonic() > end:
                raise AssertionError(f"{expression} is not so within {deadline} s:\n"
                                     f"{self.text()}\n{self.wrong}")
            select.select([], [], [], 0.02)
        return value

    def shows(self, text):
        self.until(f"document.body?.innerText.includes({json.dumps(text)})")

    def press(self, text):
        """The link or button that says it, as the keyboard does."""
        found = (f"[...document.querySelectorAll('a, button')]"
                 f".filter((one) => one.innerText === {json.dumps(text)}).at(-1)")
        self.until(f"{found} !== undefined")
        self.value(f"{found}.focus()")
        for kind in ("rawKeyDown", "char", "keyUp"):
            self.ask("Input.dispatchKeyEvent", type=kind, key="Enter", code="Enter",
                     windowsVirtualKeyCode=13, text="\r" if kind == "char" else "")

    def fill(self, name, value):
        """The field of that name."""
        self.until(f"document.querySelector('[name={name}]') !== null")
        self.value(f"document.querySelector('dialog [name={name}], [name={name}]')"
                   f".value = {json.dumps(value)}")
