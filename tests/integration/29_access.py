#!/usr/bin/python3
"""Goal: what a key may do follows from the roles of its principal as they are now, also
through the death of those who decide and judge; the tool and the native API say so.

Method: real processes and the tool; a worker of the stock kind that loses its right.
"""
import concurrent.futures
import json
import os
import subprocess
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ.get("CAPSTAN_SOURCE", "."), "tests/support"))
from engine import API, Engine, Refused, program, until  # noqa: E402

FLOW = """\
name: hello
steps:
  - { key: say, kind: action, action: print, parameters: { message: hi } }
"""


class Access(unittest.TestCase):
    def setUp(self):
        self.engine = Engine()
        self.engine.up()
        self.addCleanup(self.engine.close)
        self.engine.apply(FLOW)

    def tool(self, *words):
        return self.engine.tool(*words).stdout

    def made(self, *words):
        """The id of what the tool made."""
        return self.tool(*words).split()[0]

    def status(self, key, method, path, body=None):
        try:
            self.engine.call(method, API + path, body, key=key)
        except Refused as refused:
            return refused.status
        return 200

    def start(self, key):
        return self.status(key, "POST", "/runs", {"automation": "hello"})

    def read(self, key):
        return self.status(key, "GET", "/runs")

    def test_roles_say_what_the_keys_of_a_principal_may_do(self):
        self.made("roles", "create", "release", "--scopes", "start")
        ci = self.made("principals", "create", "ci", "--roles", "release")
        key = self.tool("keys", "create", "ci", "--principal", ci).strip()
        self.assertEqual((self.start(key), self.read(key)), (200, 403))
        self.tool("roles", "set", "release", "--scopes", "read")
        self.assertEqual((self.start(key), self.read(key)), (403, 200))
        for process in ("registry.0", "gateway.0"):
            self.engine.wait_restarted(process, self.engine.kill(process))
            until(lambda: self.read(key) == 200, f"{process} knows the key")
            self.assertEqual(self.start(key), 403)
        row, = [line for line in self.tool("principals", "list").splitlines()
                if line.startswith(ci)]
        self.assertRegex(row, r"ci\s+active\s+release\s+read")
        self.tool("principals", "set", ci, "--state", "disabled")
        self.assertEqual(self.read(key), 401)
        self.tool("principals", "set", ci, "--state", "active", "--roles",
                  "Operator,release")
        self.assertEqual((self.start(key), self.read(key)), (200, 200))
        self.tool("roles", "delete", "release")
        self.assertEqual(self.read(key), 200)
        self.assertNotIn("release", self.tool("roles", "list"))
        self.tool("principals", "delete", ci)
        self.assertEqual(self.read(key), 401)
        listed = json.loads(self.tool("keys", "list", "--json"))["items"]
        self.assertEqual([item["revoked"] for item in listed
                          if item["principal"] == ci], [True])
        self.assertEqual(self.engine.get(f"/principals/{ci}")["state"], "deleted")

    def test_a_key_is_kept_to_less_than_its_principal(self):
        ci = self.made("principals", "create", "ci", "--roles", "Owner")
        key = self.tool("keys", "create", "ci", "--principal", ci, "--scopes",
                        "read").strip()
        self.assertEqual((self.read(key), self.start(key)), (200, 403))
        lone = self.made("principals", "create", "lone")
        refused = self.engine.tool("keys", "create", "x", "--principal", lone,
                                   check=False)
        self.assertIn("holds no role", refused.stderr)
        alone = self.engine.tool("keys", "create", "alone", "--scopes", "read")
        self.assertEqual(self.read(alone.stdout.strip()), 200)
        mine, = [item["id"] for item in self.engine.get("/principals")["items"]
                 if item["name"] == "alone"]
        self.tool("principals", "delete", mine)
        self.assertEqual(self.read(alone.stdout.strip()), 401)

    def test_the_last_key_that_administers_stays_whoever_asks(self):
        mine, = [item["id"] for item in self.engine.get("/principals")["items"]]
        key, = [item["id"] for item in self.engine.get("/keys")["items"]]
        refused = self.engine.tool("keys", "revoke", key, check=False)
        self.assertEqual(refused.returncode, 1)
        self.assertIn("no key of scope admin would be left", refused.stderr)
        self.assertIn("keys create NAME --scopes admin", refused.stderr)
        for path in (f"{API}/keys/{key}", f"{API}/principals/{mine}",
                     f"/v1/projects/default/principals/{mine}",
                     f"/v1/projects/default/api-keys/cred{key[3:]}"):
            with self.assertRaises(Refused) as caught:
                self.engine.call("DELETE", path)
            self.assertEqual(caught.exception.status, 409, path)
        other = self.tool("keys", "create", "other", "--scopes", "admin").strip()
        self.tool("keys", "revoke", key)
        self.assertEqual(self.read(self.engine.key), 401)
        self.assertEqual(self.status(other, "GET", "/keys"), 200)

    def test_no_id_stands_for_all(self):
        self.made("principals", "create", "ci")
        reader = self.tool("keys", "create", "r", "--scopes", "read").strip()
        for path in ("/principals", "/principals/svc_" + 26 * "0"):
            self.assertGreater(self.status(reader, "GET", path), 400, path)
        self.assertEqual(self.status(reader, "GET", "/interactions/iact_" + 26 * "0"), 404)

    def test_a_project_is_deleted_and_restored_with_all_that_it_had(self):
        self.assertRegex(self.tool("projects", "get"), "deleted +false")
        self.tool("projects", "set", "Billing")
        self.assertIn("Billing", self.tool("projects", "get"))
        run = self.engine.start("hello")["id"]
        until(lambda: self.engine.get("/runs", status="open")["items"], "it is seen")
        refused = self.engine.tool("projects", "delete", check=False)
        self.assertIn(f"{run} is open", refused.stderr)
        self.tool("runs", "cancel", run)
        self.engine.wait_final(run)
        until(lambda: not self.engine.get("/runs", status="open")["items"], "it is over")
        reader = self.tool("keys", "create", "reader", "--scopes", "read").strip()
        self.tool("projects", "delete")
        self.assertEqual((self.read(reader), self.start(self.engine.key)), (404, 404))
        self.assertEqual(self.status(reader, "POST", "/project/restore"), 403)
        self.assertEqual(self.engine.get("/project")["deleted"], True)
        self.tool("projects", "restore")
        self.assertEqual(self.read(reader), 200)
        self.assertEqual(self.engine.get(f"/runs/{run}")["status"], "cancelled")
        self.assertEqual(self.start(self.engine.key), 200)

    def test_who_waits_hears_why_it_may_hear_no_more(self):
        self.made("roles", "create", "both", "--scopes", "read,start")
        ci = self.made("principals", "create", "ci", "--roles", "both")
        key = self.tool("keys", "create", "ci", "--principal", ci).strip()
        for change, status in ((("roles", "set", "both", "--scopes", "read"), 403),
                               (("principals", "set", ci, "--state", "disabled"), 401)):
            self.tool("roles", "set", "both", "--scopes", "read,start")
            with concurrent.futures.ThreadPoolExecutor() as pool:
                waits = pool.submit(self.status, key, "POST", "/runs?wait=30s",
                                    {"automation": "hello"})
                run, = until(lambda: self.engine.get("/runs", status="open")["items"],
                             "it waits")
                self.tool(*change)
                self.tool("runs", "cancel", run["id"])
                self.assertEqual(waits.result(), status, change)
            until(lambda: not self.engine.get("/runs", status="open")["items"],
                  "it is over")

    def test_a_worker_that_may_work_no_more_is_sent_away(self):
        ci = self.made("principals", "create", "ci", "--roles", "Worker")
        key = self.tool("keys", "create", "ci", "--principal", ci).strip()
        worker = subprocess.Popen([program("capstan"), "--key", key, "worker"],
                                  env=self.engine.env, stdout=subprocess.DEVNULL)
        self.engine.workers.append(worker)
        until(lambda: self.engine.get("/workers")["items"], "the worker is there")
        self.assertEqual(self.start(self.engine.key), 200)
        self.tool("principals", "set", ci, "--roles", "Viewer")
        until(lambda: worker.poll() is not None, "it has left", 30)
        self.assertEqual(self.engine.get("/workers")["items"], [])


if __name__ == "__main__":
    unittest.main()
