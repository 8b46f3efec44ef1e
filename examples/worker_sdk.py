#!/usr/bin/python3
"""A worker with the Python SDK, workers/python.  Usage: examples/worker_sdk.py"""
import asyncio

from capstan_worker import Fatal, Worker

worker = Worker(concurrency=8)


@worker.action
def greet(job):
    name = job.parameters.get("name")
    if not name:
        raise Fatal("InvalidInput", "there is no name")  # another attempt would fail too
    job.log(f"greeting {name}")
    if job.cancelled.wait(job.parameters.get("seconds", 0)):
        return None  # what takes long looks at `cancelled`
    return {"greeting": f"Hello, {name}!"}


@worker.action("nap")
async def sleep(job):
    await asyncio.sleep(job.parameters["seconds"])  # a cancel ends it
    return {"slept": job.parameters["seconds"]}


if __name__ == "__main__":
    worker.run()
