"""What work costs the processes of an engine: from /proc and the engine's counters."""
import os
import re
import shutil
import signal
import subprocess
import time

KIB = 1024
TICKS = os.sysconf("SC_CLK_TCK")
# name → from the sums before and after to what a run cost
PER_RUN = {"cpu_us": 1e6, "syncs": 1, "written_kib": 1 / KIB, "switches": 1}


def pids(engine):
    return [int(row["pid"]) for row in engine.status().values()
            if int(row.get("pid", 0)) > 0]


def process_cpu_seconds(pid):
    with open(f"/proc/{pid}/stat") as stat:
        fields = stat.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory(pid):
    """MiB, PSS: a page that several map counts once."""
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return int(re.search(r"^Pss:\s+(\d+)", rollup.read(), re.M)[1]) / KIB


def switches(pid):
    """Times that its threads went to sleep or were set aside."""
    count = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/status") as status:
            count += sum(int(n) for n in
                         re.findall(r"ctxt_switches:\s+(\d+)", status.read()))
    return count


def written(pid):
    """Bytes that it made the kernel write to a device, its merging of tables included."""
    with open(f"/proc/{pid}/io") as io:
        return int(re.search(r"^write_bytes: (\d+)", io.read(), re.M)[1])


def written_by_all(engine):
    return sum(written(pid) for pid in pids(engine))


def settled(engine):
    """Written by all when nothing has been for a moment: tables are merged later."""
    before, now = -1, written_by_all(engine)
    while now != before:
        time.sleep(0.1)
        before, now = now, written_by_all(engine)
    return now


def spent(engine):
    """So far; all that is counted only grows."""
    schedulers = [name for name in engine.status() if name.startswith("scheduler.")]
    counters = [engine.counters(name) for name in schedulers]
    return {"cpu_us": engine.cpu_seconds(),
            "syncs": sum(c["syncs"] for c in counters),
            "completed": sum(c["runs_completed"] for c in counters),
            "written_kib": written_by_all(engine),
            "switches": sum(switches(pid) for pid in pids(engine))}


def metered(engine, work):
    """What work() says, and beside it what each of its `count` runs cost; of what is
    written, also what follows later."""
    before = dict(spent(engine), written_kib=settled(engine))
    result = work()
    after = spent(engine)
    after["written_kib"] = settled(engine)
    for name, unit in PER_RUN.items():
        result[name] = (after[name] - before[name]) * unit / result["count"]
    result["completed"] = after["completed"] - before["completed"]
    return result


def syscalls(engine, work):
    """How many times each run of work() had the kernel do something; None where perf is
    not there, or may not count that."""
    if not shutil.which("perf"):
        return None
    counter = subprocess.Popen(
        ["perf", "stat", "-x,", "-e", "raw_syscalls:sys_enter", "-p",
         ",".join(map(str, pids(engine)))], stderr=subprocess.PIPE, text=True)
    count = work()["count"]
    counter.send_signal(signal.SIGINT)
    found = re.search(r"^(\d+),[^\n]*raw_syscalls", counter.communicate()[1], re.M)
    return int(found[1]) / count if found else None
