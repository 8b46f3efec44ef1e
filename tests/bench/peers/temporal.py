"""Temporal: its server over PostgreSQL or SQLite, with worker and client in Go."""
import json
import os
import shutil
import signal
import subprocess
import tempfile

from engine import free_port, until
from sides import HERE, PLACE, Native, Program, costs

SERVER, SDK = "v1.31.2", "v1.51.0"
BUILT = os.path.join(PLACE, "temporal")
MODULES = {  # folder: what is fetched, of which version, our sources, what is built
    "server": ("go.temporal.io/server/", ("cmd/server", "cmd/tools/sql"), SERVER, (),
               "go.temporal.io/server/cmd/server go.temporal.io/server/cmd/tools/sql"),
    "side": ("go.temporal.io/sdk/", ("client", "worker", "workflow"), SDK,
             ("temporal.go",), "side"),
}
BUILD_S = 1800  # two hundred megabytes of program
POSTGRES = "/usr/lib/postgresql/15/bin/"
SERVICES = ("frontend", "matching", "history", "worker")


def build():
    """Why it cannot be had, or None: the programs are in the build folder."""
    for name, (module, parts, version, sources, packages) in MODULES.items():
        folder = os.path.join(BUILT, name)
        fetched = " ".join(f"{module}{part}@{version}" for part in parts)
        said = os.path.join(folder, "built")
        want = fetched + "".join(open(os.path.join(HERE, s)).read() for s in sources)
        if os.path.exists(said) and open(said).read() == want:
            continue
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        for source in sources:
            shutil.copy(os.path.join(HERE, source), folder)
        done = subprocess.run(
            ["sh", "-ec", f"go mod init side; go get {fetched}; go build -o . {packages}"],
            cwd=folder, capture_output=True, text=True, timeout=BUILD_S)
        if done.returncode != 0:
            return "Go's modules cannot be had: " + done.stderr.strip()[-300:]
        with open(said, "w") as file:
            file.write(want)
    return None


class PostgreSQL:
    """With its own defaults, which sync each commit."""

    def __init__(self, folder):
        self.port, self.folder = free_port(), os.path.join(folder, "postgres")

    def begin(self, log):
        os.mkdir(self.folder)
        self.user = []
        if os.getuid() == 0:  # it does not run as root
            shutil.chown(self.folder, "postgres")
            self.user = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
        subprocess.run([*self.user, POSTGRES + "initdb", "-A", "trust", "-U", "temporal",
                        "-D", self.folder], check=True, stdout=log, stderr=log)
        self.process = subprocess.Popen(
            [*self.user, POSTGRES + "postgres", "-D", self.folder, "-p", str(self.port),
             "-k", self.folder, "-c", "listen_addresses=127.0.0.1"], stdout=log, stderr=log)
        until(self.answers, "PostgreSQL answers")
        for database, schema in (("temporal", "temporal"), ("visibility", "visibility")):
            for command in (["create"], ["setup-schema", "-v", "0.0"],
                            ["update-schema", "-s", f"postgresql/v12/{schema}"]):
                subprocess.run(
                    [os.path.join(BUILT, "server/sql"), "--plugin", "postgres12", "--ep",
                     "127.0.0.1", "-p", str(self.port), "-u", "temporal", "--pw", "none",
                     "--db", database, *command], check=True, stdout=log, stderr=log)

    def answers(self):
        return subprocess.run([POSTGRES + "pg_isready", "-q", "-h", "127.0.0.1", "-p",
                               str(self.port)]).returncode == 0

    def store(self, what, connections):
        return {"pluginName": "postgres12", "databaseName": what, "user": "temporal",
                "password": "none", "connectAddr": f"127.0.0.1:{self.port}",
                "connectProtocol": "tcp", "maxConns": connections,
                "maxIdleConns": connections, "maxConnLifetime": "1h"}

    def pids(self):
        """But for those that come and go."""
        said = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)],
                              check=True, capture_output=True, text=True).stdout
        return [self.process.pid, *(int(line.split()[0]) for line in said.splitlines()
                                    if "autovacuum worker" not in line)]

    def end(self):
        self.process.send_signal(signal.SIGINT)  # "fast": no waiting for clients
        self.process.wait()


class SQLite:
    """As the server's own example for a file has it, which syncs each commit."""

    def __init__(self, folder):
        self.file = os.path.join(folder, "temporal.db")

    def begin(self, log):
        pass

    def store(self, _what, _connections):
        return {"pluginName": "sqlite", "databaseName": self.file,
                "connectAddr": "localhost", "connectProtocol": "tcp", "maxConns": 1,
                "maxIdleConns": 1, "maxConnLifetime": "1h", "connectAttributes": {
                    "cache": "private", "setup": "true", "journal_mode": "wal",
                    "synchronous": "2"}}

    def pids(self):
        return []

    def end(self):
        pass


class Temporal:
    """A server with its four services in one process, as its examples configure it."""
    name = "Temporal"
    settings = {"over PostgreSQL": (PostgreSQL, 4), "over SQLite": (SQLite, 1)}
    work = ((1, 1), (1, 64), (1, 256), (10, 1), (10, 64))
    ours = Native

    def __init__(self, setting):
        kind, self.shards = self.settings[setting]
        self.folder = tempfile.mkdtemp(prefix="capstan-peer-")
        os.chmod(self.folder, 0o755)
        self.database = kind(self.folder)
        self.address = f"127.0.0.1:{free_port()}"

    def config(self):
        ports = {name: {"rpc": {"grpcPort": free_port(), "membershipPort": free_port(),
                                "bindOnLocalHost": True}} for name in SERVICES}
        ports["frontend"]["rpc"]["grpcPort"] = int(self.address.split(":")[1])
        return {
            "log": {"stdout": True, "level": "error"},
            "persistence": {
                "defaultStore": "default", "visibilityStore": "visibility",
                "numHistoryShards": self.shards, "datastores": {
                    "default": {"sql": self.database.store("temporal", 20)},
                    "visibility": {"sql": self.database.store("visibility", 2)}}},
            "global": {"membership": {"maxJoinDuration": "30s",
                                      "broadcastAddress": "127.0.0.1"}},
            "services": ports,
            "clusterMetadata": {
                "enableGlobalNamespace": False, "failoverVersionIncrement": 10,
                "masterClusterName": "active", "currentClusterName": "active",
                "clusterInformation": {"active": {
                    "enabled": True, "initialFailoverVersion": 1, "rpcName": "frontend",
                    "rpcAddress": self.address}}},
            "dcRedirectionPolicy": {"policy": "noop"}}

    def __enter__(self):
        self.log = open(os.path.join(self.folder, "log"), "wb")
        self.database.begin(self.log)
        path = os.path.join(self.folder, "config.yaml")
        with open(path, "w") as file:
            json.dump(self.config(), file)  # which is YAML, too
        self.server = subprocess.Popen(
            [os.path.join(BUILT, "server/server"), "--config-file", path,
             "--allow-no-auth", "start"], stdout=self.log, stderr=self.log)
        side = os.path.join(BUILT, "side/side")
        self.worker = Program([side, "worker", self.address], log=self.log)
        self.client = Program([side, "client", self.address], log=self.log)
        return self

    def __exit__(self, *_):
        self.client.close()
        self.worker.close()
        self.server.kill()
        self.server.wait()
        self.database.end()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    @staticmethod
    def missing():
        """What is not there but must be; None: all is."""
        if not shutil.which("go"):
            return "there is no go, which Temporal is built with"
        if not os.path.exists(POSTGRES):
            return "there is no PostgreSQL, which Debian's postgresql-15 has"
        return build()

    @staticmethod
    def versions():
        said = subprocess.run([POSTGRES + "postgres", "--version"], check=True, text=True,
                              capture_output=True).stdout
        return (f"Temporal server {SERVER[1:]}, Go SDK {SDK[1:]}, "
                f"PostgreSQL {said.split()[2]}")

    def servers(self):
        return [self.server.pid, *self.database.pids()]

    def slot(self, steps, clients, seconds):
        with costs(self.servers(), [self.worker.pid, self.client.pid]) as seen:
            seen.result = self.client.slot(steps, clients, seconds)
        return seen.result
