// Ours with everything in Node: `worker` does jobs over the worker socket, `client` starts
// a run by HTTP and waits until it is finished.
import { Agent, request } from "node:http";
import { answerRounds } from "./rounds.mjs";

const url = new URL(process.env.CAPSTAN_URL);
const SLOTS = 64;

function work() {
  const socket = new WebSocket(`ws://${url.host}/v1/projects/platform/workers/socket`);
  let number = 0;
  const say = (type, fields) =>
    socket.send(JSON.stringify({ ...fields, type, message_id: `m${++number}` }));
  const claim = () => say("jobs.claim", { available_slots: SLOTS });
  socket.onopen = () => say("worker.register", { worker_instance_id: "bench-node",
    concurrency_limit: SLOTS, available_slots: SLOTS });
  socket.onclose = ({ code }) => process.exit(code);
  socket.onmessage = ({ data }) => {
    const heard = JSON.parse(data);
    if (heard.type === "worker.registered") console.log("ready");
    for (const job of heard.jobs ?? [])
      say("job.report", { job_id: job.id, lease_token: job.lease_token,
        status: "completed", result: job.parameters });
    if (["worker.registered", "jobs.claimed", "work.available"].includes(heard.type))
      claim();
  };
}

const agent = new Agent({ keepAlive: true, noDelay: true });

const start = (steps) => new Promise((done, failed) => {
  const body = JSON.stringify({ automation: `bench-${steps}`,
    inputs: { order: "01HZX3M9Q8V7T6K5J4H3G2F1E0", amount: 1234 } });
  const call = request({ agent, host: url.hostname, port: url.port, method: "POST",
    path: "/capstan/v1/runs?wait=20s", headers: { "Content-Type": "application/json",
      "Content-Length": Buffer.byteLength(body),
      Authorization: `Bearer ${process.env.CAPSTAN_KEY}` } }, (answer) => {
    let text = "";
    answer.setEncoding("utf8");
    answer.on("data", (piece) => { text += piece; });
    answer.on("end", () => JSON.parse(text).status === "completed" ? done()
      : failed(new Error(text)));
  });
  call.on("error", failed);
  call.end(body);
});

if (process.argv[2] === "worker") work();
else await answerRounds(start);
