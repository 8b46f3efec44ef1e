"""Do the work of a Capstan engine, in Python.

    from capstan_worker import Worker

    worker = Worker(concurrency=8)

    @worker.action
    def greet(job):
        return {"greeting": f"Hello, {job.parameters['name']}!"}

    worker.run()  # until SIGTERM or SIGINT

What you may rely on
- Actions run in threads, `async def` ones on an event loop, as many at once as
  `concurrency` says.  Another thread talks to the engine, so an action may compute or
  block for hours without losing its job, if it lets other threads of Python run.
- An outcome is kept and said again until the engine has it on disk.
- A job may come twice: when this process was cut off for longer than the engine's lease,
  the job goes to another worker.  Then `job.cancelled` is set here, and whatever the
  action returns is dropped.
- When the connection breaks it is made again, after 0.1 s first and 5 s at most.

Worker lists the options, Job what an action sees.  The logger "capstan_worker" tells what
happens.  The protocol underneath is docs/protocols/worker.md of Capstan.
"""
from .errors import Fatal, Refused
from .job import Job
from .worker import Worker

__all__ = ["Fatal", "Job", "Refused", "Worker"]
__version__ = "0.1.0"
