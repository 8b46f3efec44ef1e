#!/usr/bin/python3
"""A worker after docs/protocols/worker.md.  Usage: CAPSTAN_API_KEY=cap_… examples/worker.py"""
import atexit, contextlib, msgpack, os, signal, socket, sys, threading, time, zmq

def greet(parameters, cancelled):
    cancelled.wait(parameters.get("seconds", 0))  # what takes long looks at `cancelled`
    return {"greeting": "Hello, %s!" % parameters["name"]}
actions = {"greet": greet}
me = {"type": "register", "v": 1, "key": os.environ["CAPSTAN_API_KEY"], "concurrency": 8,
      "instance": "%s-%d" % (socket.gethostname(), os.getpid()), "actions": list(actions)}
held = {}  # lease token -> [cancelled, report or None, when to say it, s to wait then]
known, due = None, 0  # what `registered` said; when to say who we are, or what we hold
wake, waker = os.pipe()  # a byte: an action is over
door = zmq.Context().socket(zmq.DEALER)
door.linger, door.immediate = 1000, 1
door.connect(os.environ.get("CAPSTAN_WORKER_URL", "tcp://127.0.0.1:5170"))

def say(message):
    with contextlib.suppress(zmq.Again):  # nobody is there: what matters is said again
        door.send(msgpack.packb(message), zmq.NOBLOCK)

def do(job, lease):
    try:
        output = actions[job["action"]](job["parameters"], lease[0])
        said = {"outcome": "cancelled" if lease[0].is_set() else "completed", "output": output}
    except Exception as e:
        said = {"outcome": "failed", "error_type": type(e).__name__, "error_message": str(e)[:999]}
    lease[1] = dict(said, type="report", token=job["token"])
    os.write(waker, b".")

def hear(m):
    global known, due
    kind, token, lost = m["type"], m.get("token"), m.get("lost", [])
    if kind == "registered" or (kind == "register" and known):
        known, due = m if kind == "registered" else None, 0
        me["session"] = m.get("session", me.get("session"))
    elif kind == "job" and token not in held:
        held[token] = [threading.Event(), None, 0, 2]
        threading.Thread(target=do, args=(m, held[token]), daemon=True).start()
    elif m.get("code") in ("unauthorized", "forbidden", "invalid") or m.get("leave"):
        sys.exit(m.get("message"))
    for each in lost + m.get("cancel", []) + [token] * (kind == "cancel"):
        held.get(each, [threading.Event()])[0].set()
    for each in lost + [token] * (kind == "ack"):
        held.pop(each, None)
signal.signal(signal.SIGTERM, lambda *_: sys.exit())
atexit.register(say, {"type": "goodbye"})  # gives back what is held
while True:
    now = time.monotonic()
    if now >= due:
        due = now + (known["heartbeat_ms"] / 1000 if known else 1)
        say(dict({"type": "heartbeat"} if known else me, held=list(held)))
    for lease in [l for l in held.values() if known and l[1] and now >= l[2]]:
        lease[2:] = now + lease[3], min(10, 2 * lease[3])
        say(lease[1])
    next_s = min([due] + [l[2] for l in held.values() if known and l[1]]) - now
    if (wake, 1) in zmq.zmq_poll([(door, 1), (wake, 1)], max(0, int(next_s * 1000) + 1)):
        os.read(wake, 99)
    while door.poll(0):
        hear(msgpack.unpackb(door.recv()))
