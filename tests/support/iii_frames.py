"""A worker of iii's protocol whose every frame the test says itself."""
import asyncio
import json
import threading
import uuid

import websockets

DEADLINE = 30  # seconds; only a broken engine takes that long


class Loop:
    """One event loop for all connections of this program."""
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()

    @classmethod
    def do(cls, what):
        return asyncio.run_coroutine_threadsafe(what, cls.loop).result(DEADLINE)


class Worker:
    def __init__(self, engine, path="/", **options):
        tls = getattr(engine, "tls", None)
        self.url = f"{'wss' if tls else 'ws'}://127.0.0.1:{engine.iii_port}{path}"
        if tls:
            options["ssl"] = tls
        self.socket = Loop.do(self.connect(options))
        if path.endswith("/otel"):
            return
        first = self.hear()
        assert first["type"] == "workerregistered", first
        self.id, self.token = first["worker_id"], first["reattach_token"]

    async def connect(self, options):
        return await websockets.connect(self.url, max_size=None, ping_interval=None,
                                        **options)

    def raw(self, text):
        Loop.do(self.socket.send(text))

    def say(self, type, **parts):
        self.raw(json.dumps({"type": type, **parts}))

    def hear_text(self):
        return Loop.do(asyncio.wait_for(self.socket.recv(), DEADLINE))

    def hear(self):
        return json.loads(self.hear_text())

    def function(self, id, **parts):
        self.say("registerfunction", id=id, **parts)
        return self

    def trigger(self, type, function, id=None, config={}, **parts):
        id = id or str(uuid.uuid4())
        self.say("registertrigger", id=id, trigger_type=type, function_id=function,
                 config=config, **parts)
        return id

    def ask(self, function, data=None, **parts):
        id = str(uuid.uuid4())
        self.say("invokefunction", invocation_id=id, function_id=function,
                 **({} if data is None else {"data": data}), **parts)
        return id

    def answer(self, call, **parts):
        self.say("invocationresult", invocation_id=call["invocation_id"],
                 function_id=call["function_id"], **parts)

    def call(self, function, data=None, **parts):
        """The answer to a call of a function that is not this worker's."""
        id = self.ask(function, {} if data is None else data, **parts)
        answer = self.hear()
        assert answer["invocation_id"] == id, answer
        return answer

    def describe(self, name, version="0.22.1", **parts):
        self.say("invokefunction", function_id="engine::workers::register",
                 data={"runtime": "node", "version": version, "name": name,
                       "os": "linux", "pid": 7, "isolation": None, **parts},
                 action={"type": "void"})
        return self

    def silence(self):
        """Nothing was said to us: a pong is the next word."""
        self.say("ping")
        heard = self.hear()
        assert heard == {"type": "pong"}, heard
        return self

    def close(self):
        Loop.do(self.socket.close())

    def closed(self):
        try:
            self.hear_text()
        except websockets.ConnectionClosed as end:
            return end.code
        raise AssertionError("it said more")
