"""The pages for users: the automations that they show, and the commands."""
import glob
import os
import re

SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.M | re.S)
CODE = re.compile(r"^```\w*\n(.*?)^```$|`([^`]+)`", re.M | re.S)


def texts(*patterns):
    """(page, text) of every page, by names below the root of the sources."""
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(SOURCE, pattern))):
            with open(path, encoding="utf-8") as file:
                yield os.path.relpath(path, SOURCE), file.read()


def blocks(*patterns):
    """(page, automation or part of one): every ```yaml."""
    for page, text in texts(*patterns):
        for match in BLOCK.finditer(text):
            yield page, match.group(1)


def codes(text):
    """What a page sets as code, in lines and between."""
    return [fenced or inline for fenced, inline in CODE.findall(text)]


def has(text, key):
    return re.search(rf"^{key}:", text, re.M) is not None


def whole(block, name="shown"):
    """The block as an automation of its own."""
    if not has(block, "name"):
        block = f"name: {name}\n" + block
    if not has(block, "steps") and not has(block, "jobs"):
        block += "steps: [{key: shown, kind: action, action: print}]\n"
    return block
