"""A worker by the Python SDK: does what the tests tell its actions.  Says "began <name>"
and "done <name>" on a line each."""
import asyncio
import json
import sys
import time

from deepnoodle.mobius import Client, ClientOptions, Worker, WorkerConfig


def say(line):
    print(line, flush=True)


async def nap(parameters):
    say("began " + parameters["name"])
    try:
        await asyncio.sleep(parameters["ms"] / 1000)
    except asyncio.CancelledError:
        say("aborted")
        raise
    say("done " + parameters["name"])
    return {"name": parameters["name"]}


def freeze(parameters):
    """It holds the loop: no heartbeat leaves meanwhile."""
    say("began " + parameters["name"])
    time.sleep(parameters["ms"] / 1000)
    say("done " + parameters["name"])
    return {"name": parameters["name"]}


def fail(parameters):
    raise RuntimeError(parameters.get("message", "as asked"))


def main():
    options = json.loads(sys.argv[1])
    client = Client(ClientOptions(api_key=options.get("key") or "mbx_none",
                                  base_url=options["url"], project="platform"))
    worker = Worker(client, WorkerConfig(
        worker_instance_id=options["instance"], name="py-worker", version="1.0",
        concurrency=options.get("concurrency", 1), queues=options.get("queues") or []))
    worker.register("print", lambda parameters: {"output": parameters["message"]})
    worker.register("fail", fail)
    worker.register("nap", nap)
    worker.register("freeze", freeze)
    try:
        asyncio.run(worker.run())
        say("returned")
    except Exception as error:
        say("threw " + type(error).__name__)


main()
