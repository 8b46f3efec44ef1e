"""A worker of iii that does what it is told, one JSON line at a time, and says what it
heard: python worker.py MODULE NAME.  journeys.py tells it."""
import asyncio
import hashlib
import json
import os
import sys
import threading

from iii import InitOptions, register_worker
from iii.triggers import TriggerHandler

NAME = sys.argv[2]
worker = register_worker(os.environ["III_URL"], InitOptions(
    worker_name=NAME, otel={"enabled": os.environ.get("WITH_OTEL") == "1"}))
waiting, triggers, lock = {}, {}, threading.Lock()


def say(**line):
    with lock:
        sys.stdout.write("@" + json.dumps(line) + "\n")
        sys.stdout.flush()


async def boom(data, metadata):
    raise RuntimeError("boom")


async def slow(data, metadata):
    future = waiting[data.get("tag", "")] = asyncio.get_running_loop().create_future()
    return await future


async def add(data, metadata):
    return {"c": data["a"] + data["b"]}


async def echo(data, metadata):
    return {"data": data, "metadata": metadata}


async def nothing(data, metadata):
    return None


async def page(data, metadata):
    return {"status_code": 201, "headers": {"X-From": NAME}, "body": {
        "id": data["path_params"]["id"], "q": data["query_params"], "body": data["body"]}}


async def stream(data, metadata):
    response = data["response"]
    for line in ({"type": "set_status", "status_code": 202},
                 {"type": "set_headers", "headers": {"Content-Type": "text/plain"}}):
        await response.send_message_async(json.dumps(line))
    for i in range(5):
        await response.write(str(i).encode() * 100000)
    await response.close_async()


async def upload(data, metadata):
    return {"body": {"size": len(await data["request_body"].read_all())}}


async def send(data, metadata):
    for i in range(data["pieces"]):
        await data["writer"].write(bytes([i % 256]) * 65536)
    await data["writer"].close_async()


async def receive(data, metadata):
    all = await data["reader"].read_all()
    return {"size": len(all), "sha": hashlib.sha256(all).hexdigest()}


def shown(data):
    """Channels are live objects here, and no JSON."""
    if not isinstance(data, dict):
        return data
    return {name: value for name, value in data.items()
            if name not in ("request_body", "response", "reader", "writer")}


KINDS = {"page": page, "stream": stream, "upload": upload, "send": send,
         "receive": receive, "boom": boom, "slow": slow, "add": add, "echo": echo,
         "nothing": nothing}


class Provider(TriggerHandler):
    async def register_trigger(self, config):
        say(bound=config.function_id, config=config.config)
        if config.config.get("refuse"):
            raise RuntimeError("conflict of routes")

    async def unregister_trigger(self, config):
        say(unbound=config.id)


def function(told):
    async def handler(data, metadata=None):
        say(heard=told["id"], data=shown(data), metadata=metadata)
        return await KINDS[told["kind"]](data, metadata)
    worker.register_function(told["id"], handler, metadata=told.get("metadata"),
                             description="it is " + told["kind"])


def finish(told):
    future = waiting[told.get("tag", "")]
    future.get_loop().call_soon_threadsafe(future.set_result, told.get("result"))


def trigger(told):
    triggers[told["id"]] = worker.register_trigger({
        "type": told["type"], "function_id": told["function_id"],
        "config": told.get("config", {})})


def call(told):
    asked = {"function_id": told["function_id"], "payload": told.get("payload")}
    if told.get("timeoutMs"):
        asked["timeout_ms"] = told["timeoutMs"]
    if told.get("action") == "void":
        asked["action"] = {"type": "void"}
    if told.get("action") == "enqueue":
        asked["action"] = {"type": "enqueue", "queue": "q"}
    try:
        result = worker.trigger(asked)
        say(tag=told["tag"], result=result, missing=result is None)
    except Exception as error:
        say(tag=told["tag"], code=getattr(error, "code", type(error).__name__),
            message=str(error), kind=type(error).__name__)


def shutdown(told):
    worker.shutdown()
    say(tag="shutdown")


VERBS = {"function": function, "finish": finish, "trigger": trigger, "call": call,
         "untrigger": lambda told: triggers[told["id"]].unregister(),
         "provide": lambda told: worker.register_trigger_type(
             {"id": told["id"], "description": "of a test"}, Provider()),
         "shutdown": shutdown}

for line in sys.stdin:
    told = json.loads(line)
    if told["do"] == "call":
        threading.Thread(target=call, args=[told], daemon=True).start()
    else:
        VERBS[told["do"]](told)
os._exit(0)
