"""What tests of the workflow-graph dialect share: an API client without a key, as its
clients are, and a worker that does what it is told."""
import http.client
import json
import socket
import threading
import urllib.parse

from engine import DEADLINE, until


def job(name, command="true", needs=(), **more):
    """A job as POST /api/workflows takes it."""
    return {"id": name, "name": name, "status": "queued", "command": command,
            "depends_on": list(needs), **more}


class Api:
    def __init__(self, engine):
        self.engine = engine

    def ask(self, method, path, body=None, headers=None, timeout=DEADLINE):
        """Status and value: JSON if it is that, else text."""
        connection = http.client.HTTPConnection("127.0.0.1", self.engine.http_port,
                                                timeout=timeout)
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (str, bytes)):
            body = json.dumps(body)
            headers.setdefault("Content-Type", "application/json")
        try:
            connection.request(method, path, body, headers)
            answer = connection.getresponse()
            text = answer.read()
        finally:
            connection.close()
        self.headers = answer.headers
        kind = answer.getheader("Content-Type") or ""
        return answer.status, json.loads(text) if "json" in kind else text.decode()

    def must(self, method, path, body=None):
        status, value = self.ask(method, path, body)
        if status >= 300:
            raise AssertionError(f"{method} {path}: {status} {value}")
        return value

    def create(self, *jobs, name="test", trigger="on: push"):
        return self.must("POST", "/api/workflows",
                         {"name": name, "trigger": trigger, "jobs": list(jobs)})["id"]

    def run(self, workflow):
        self.must("POST", f"/api/workflows/{urllib.parse.quote(workflow)}/run")

    def cancel(self, workflow):
        self.must("POST", f"/api/workflows/{urllib.parse.quote(workflow)}/cancel")

    def status(self, workflow):
        """Job id → job."""
        found = self.must("GET", f"/api/workflows/{urllib.parse.quote(workflow)}/status")
        return {job["id"]: job for job in found["jobs"]}

    def statuses(self, workflow):
        return {name: job["status"] for name, job in self.status(workflow).items()}

    def wait(self, workflow, deadline=DEADLINE, **expected):
        """Until these jobs have these statuses."""
        seen = {}

        def there():
            seen.update(self.statuses(workflow))
            return all(seen.get(name.replace("__", "-")) == status
                       for name, status in expected.items())
        until(there, lambda: f"{expected} of {workflow}: {seen}\n{self.engine.logs()}",
              deadline)

    def wait_over(self, workflow, deadline=DEADLINE):
        seen = {}

        def over():
            seen.update(self.statuses(workflow))
            return not {"queued", "running"} & set(seen.values())
        until(over, lambda: f"{workflow} is over: {seen}\n{self.engine.logs()}", deadline)
        return seen

    def logs(self, workflow, name):
        path = f"/api/workflows/{workflow}/jobs/{urllib.parse.quote(name, safe='')}/logs"
        return self.must("GET", path)

    def printed(self, workflow, name):
        return "".join(chunk["data"] for chunk in self.logs(workflow, name))

    def workers(self):
        return {worker["worker_id"]: worker for worker in self.must("GET", "/api/workers")}

    def register(self, worker, *labels):
        self.must("POST", "/api/workers/register",
                  {"worker_id": worker, "labels": list(labels)})

    def claim_once(self, worker, *labels, ttl=30):
        return self.must("POST", "/api/jobs/claim",
                         {"worker_id": worker, "labels": list(labels),
                          "lease_ttl_secs": ttl})

    def claim(self, worker, *labels, ttl=30, deadline=DEADLINE):
        claim = until(lambda: self.claim_once(worker, *labels, ttl=ttl),
                      lambda: "a job is claimed\n" + self.engine.logs(), deadline)
        return claim["job"], claim["lease"]["lease_id"]

    def heartbeat(self, lease):
        return self.ask("POST", f"/api/jobs/{lease}/heartbeat")[0]

    def complete(self, lease, **outputs):
        return self.ask("POST", f"/api/jobs/{lease}/complete", {"outputs": outputs})[0]

    def fail(self, lease, error, retryable=True):
        return self.ask("POST", f"/api/jobs/{lease}/fail",
                        {"error": error, "retryable": retryable})[0]

    def say(self, lease, *texts, stream="stdout"):
        chunks = [{"workflow_id": "", "job_id": "", "sequence": i, "data": data,
                   "timestamp_ms": 0, "stream": stream} for i, data in enumerate(texts)]
        return self.ask("POST", f"/api/jobs/{lease}/logs", {"chunks": chunks})[0]

    def cancelled(self, workflow, name):
        return self.must("GET", f"/api/jobs/{workflow}/{name}/cancelled")


class Tail(threading.Thread):
    """Reads a log stream: chunks so far, and whether it has ended."""

    def __init__(self, api, workflow, name, last=None):
        super().__init__(daemon=True)
        self.connection = http.client.HTTPConnection(
            "127.0.0.1", api.engine.http_port, timeout=DEADLINE)
        headers = {"Last-Event-ID": str(last)} if last is not None else {}
        self.connection.request(
            "GET", f"/api/workflows/{workflow}/jobs/{name}/logs/stream", headers=headers)
        self.chunks, self.ids, self.ended, self.status = [], [], False, None
        self.start()

    def run(self):
        answer = self.connection.getresponse()
        self.status = answer.status
        for line in answer:  # until the end, or until leave()
            line = line.decode().rstrip("\n")
            if line.startswith("data: "):
                self.chunks.append(json.loads(line[6:]))
            elif line.startswith("id: "):
                self.ids.append(line[4:])
        self.ended = True

    def text(self):
        return "".join(chunk["data"] for chunk in self.chunks)

    def leave(self):
        """Hang up, wherever the reader is."""
        self.connection.sock.shutdown(socket.SHUT_RDWR)
