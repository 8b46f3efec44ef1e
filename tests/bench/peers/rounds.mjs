// Clients in a closed loop: each line of standard input, "STEPS CLIENTS SECONDS", is
// answered by a line of what was seen, as wrk's results are.
import { createInterface } from "node:readline";

async function measure(one, steps, clients, seconds) {
  const times = [];
  const end = performance.now() + seconds * 1000;
  const client = async () => {
    for (let begin = performance.now(); begin < end; begin = performance.now()) {
      await one(steps);
      times.push(performance.now() - begin);
    }
  };
  const begin = performance.now();
  await Promise.all(Array.from({ length: clients }, client));
  const took = (performance.now() - begin) / 1000;
  times.sort((a, b) => a - b);
  const at = (share) => times[Math.floor(times.length * share)].toFixed(3);
  return `RESULT rps=${(times.length / took).toFixed(1)} count=${times.length} ` +
    `p50_ms=${at(0.5)} p99_ms=${at(0.99)}`;
}

// `one` does a run of so many steps, and is over when that is.
export async function answerRounds(one) {
  console.log("ready");
  for await (const line of createInterface({ input: process.stdin })) {
    const [steps, clients, seconds] = line.split(" ").map(Number);
    console.log(await measure(one, steps, clients, seconds));
  }
  process.exit(0);
}
