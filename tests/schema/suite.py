#!/usr/bin/python3
"""Goal: values are judged as the official test suite of JSON Schema says.

Method: Debian's json-schema-test-suite ends with draft 7. Its schemas are written anew
as draft 2020-12 has them where only a keyword's name has changed (items with a list,
dependencies); every group runs, and what does not is in SKIPPED with its reason.
"""
import glob
import json
import os
import struct
import subprocess
import unittest

import msgpack

BUILD = os.path.abspath(os.environ.get("CAPSTAN_BUILD", "."))
SUITE = "/usr/share/json-schema-test-suite/tests/draft7"

# (file, group, test): None is each of them.
SKIPPED = {
    ("refRemote", None, None): "no schema of another document",
    ("ref", "ref overrides any sibling keywords", None):
        "2020-12 heeds keywords beside $ref",
    ("ref", "remote ref, containing refs itself", None):
        "no schema of another document",
    ("definitions", None, None): "refers to the schema of draft 7",
    ("ref", "Recursive references between schemas", None):
        "$id within a schema: refused by schema_check",
}
# Files of the optional part; the others are about format, which only describes, and
# about what content there is in a text.
OPTIONAL = ["bignum", "zeroTerminatedFloats"]
# Schemas under no keyword: schema_check refuses that, so they go where they belong.
MOVED = ["tilda~field", "slash/field", "percent%field"]
MOVED_TO = ["#/tilda~0field", "#/slash~1field", "#/percent%25field"]


def translated(schema):
    """A schema of draft 7 in the words of 2020-12."""
    if not isinstance(schema, dict):
        return schema
    new = {}
    for key, value in schema.items():
        if key == "dependencies":
            names = {k: v for k, v in value.items() if isinstance(v, list)}
            schemas = {k: translated(v) for k, v in value.items()
                       if not isinstance(v, list)}
            new["dependentRequired"] = names
            new["dependentSchemas"] = schemas
        elif key == "items" and isinstance(value, list):
            if value:
                new["prefixItems"] = [translated(v) for v in value]
            if "additionalItems" in schema:
                new["items"] = translated(schema["additionalItems"])
        elif key == "additionalItems":
            continue  # without a list of items it says nothing
        elif key in ("properties", "patternProperties", "definitions"):
            new[key] = {k: translated(v) for k, v in value.items()}
        elif key in ("allOf", "anyOf", "oneOf"):
            new[key] = [translated(v) for v in value]
        elif key in ("not", "items", "additionalProperties", "propertyNames", "contains",
                     "if", "then", "else"):
            new[key] = translated(value)
        elif key in MOVED:
            new.setdefault("$defs", {})[key] = translated(value)
        elif key == "$ref" and isinstance(value, str):
            value = value.replace("/items/", "/prefixItems/")
            new[key] = value.replace("#/", "#/$defs/") if value in MOVED_TO else value
        else:
            new[key] = value
    return new


def why_skipped(*names):
    """The key of SKIPPED, or None."""
    for length in (1, 2, 3):
        key = names[:length] + (None,) * (3 - length)
        if key in SKIPPED:
            return key
    return None


def packed(value):
    """None if msgpack cannot carry it: an integer beyond 64 bits becomes a double."""
    def whole(v):
        if isinstance(v, bool) or not isinstance(v, (int, list, dict)):
            return v
        if isinstance(v, int):
            return v if -2**63 <= v < 2**64 else float(v)
        if isinstance(v, list):
            return [whole(item) for item in v]
        return {key: whole(item) for key, item in v.items()}
    return msgpack.packb(whole(value))


def judge(questions):
    """(schema, value) → (what schema_check says, what schema_validate says, mistakes)."""
    given = b"".join(struct.pack(">I", len(part)) + part
                     for question in questions for part in map(packed, question))
    said = subprocess.run([os.path.join(BUILD, "tests/schema/schema")], input=given,
                          capture_output=True, check=True)
    answers = said.stdout.decode().split("\n\n")[:-1]
    return [(*answer.split("\n")[0].split(), answer.split("\n")[1:])
            for answer in answers]


class Suite(unittest.TestCase):
    def run_files(self, files):
        asked, ran, skipped, used = [], 0, 0, set()
        for path in files:
            name = os.path.basename(path)[:-5]
            with open(path, encoding="utf-8") as file:
                groups = json.load(file)
            for group in groups:
                schema = translated(group["schema"])
                for test in group["tests"]:
                    key = why_skipped(name, group["description"],
                                         test["description"])
                    if key:
                        used.add(key)
                        skipped += 1
                        continue
                    asked.append((name, group["description"], schema, test))
        answers = judge([(schema, test["data"]) for _, _, schema, test in asked])
        for (name, group, schema, test), answer in zip(asked, answers, strict=True):
            with self.subTest(file=name, group=group, test=test["description"]):
                ran += 1
                self.assertEqual(answer[0], "none", (schema, answer[2]))
                self.assertEqual(answer[1], "none" if test["valid"] else "invalid",
                                 (schema, test["data"], answer[2]))
        print(f"{ran} tests ran, {skipped} were skipped")
        return ran, used

    def test_every_file(self):
        files = sorted(glob.glob(os.path.join(SUITE, "*.json")))
        self.assertGreater(len(files), 30, "json-schema-test-suite is not installed")
        ran, used = self.run_files(files)
        self.assertGreater(ran, 390)
        self.assertEqual(set(SKIPPED) - used, set(), "nobody needs these any more")

    def test_optional_files(self):
        self.run_files([os.path.join(SUITE, "optional", f"{name}.json")
                        for name in OPTIONAL])


if __name__ == "__main__":
    unittest.main()
