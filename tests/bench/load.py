"""Load on an engine: wrk, which starts runs and waits for them, or lists them."""
import http.client
import json
import os
import re
import subprocess
import sys
import time

SOURCE = os.path.abspath(os.environ.get("CAPSTAN_SOURCE", "."))
STEP = ("  - key: s{i}\n    kind: action\n    config:\n"
        "      action_name: {action}\n      parameters: {{ order: 17, n: {i} }}\n")


def automation(steps, action="json"):
    """Steps one after the other, as steps are unless they say otherwise."""
    return f"name: bench-{steps}\nsteps:\n" + "".join(
        STEP.format(i=i, action=action) for i in range(steps))


def wrk(url, script, clients, seconds, **env):
    """rps, p50_ms, p99_ms, max_ms and errors of `seconds` of load."""
    done = subprocess.run(
        ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--timeout", "20s", "-s", script,
         url], env=dict(os.environ, **env), check=True, text=True, capture_output=True)
    found = re.search(r"RESULT (.*)", done.stdout)
    result = {k: float(v) for k, v in (p.split("=") for p in found[1].split())}
    result["count"] = result["rps"] * seconds
    if result["count"] < 1:
        raise RuntimeError(f"nothing was answered in {seconds} s: {url}")
    if result["errors"]:
        print(f"  {int(result['errors'])} errors", file=sys.stderr)
    return result


def runs(engine, steps, clients, seconds):
    return wrk(f"http://127.0.0.1:{engine.http_port}",
               os.path.join(SOURCE, "tests/bench/start.lua"), clients, seconds,
               BENCH_KEY=engine.key, BENCH_AUTOMATION=f"bench-{steps}")


def starts(engine, automation, clients, seconds):
    """Starts alone: nobody waits for the runs."""
    return wrk(f"http://127.0.0.1:{engine.http_port}",
               os.path.join(SOURCE, "tests/bench/start.lua"), clients, seconds,
               BENCH_KEY=engine.key, BENCH_AUTOMATION=automation, BENCH_QUERY="")


def lists(engine, query, clients, seconds):
    return wrk(f"http://127.0.0.1:{engine.http_port}/capstan/v1/runs?{query}",
               os.path.join(SOURCE, "tests/bench/list.lua"), clients, seconds,
               BENCH_KEY=engine.key)


def walk(engine, query, pages):
    """Milliseconds of each page of 100 on the way down a list, on one connection; it
    begins anew where the list ends."""
    line = http.client.HTTPConnection("127.0.0.1", engine.http_port)
    times, cursor = [], ""
    while len(times) < pages:
        begin = time.monotonic()
        line.request("GET", f"/capstan/v1/runs?limit=100&cursor={cursor}{query}",
                     headers={"Authorization": "Bearer " + engine.key})
        answer = line.getresponse()
        text = answer.read()
        times.append((time.monotonic() - begin) * 1000)
        if answer.status != 200:
            raise AssertionError(f"?{query}: {answer.status} {text[:200]}")
        cursor = json.loads(text)["next_cursor"] or ""
    line.close()
    return times
