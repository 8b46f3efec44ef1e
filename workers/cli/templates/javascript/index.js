import { registerWorker } from "iii-sdk";

const url = process.env.III_URL;
if (!url) throw new Error("III_URL must be set");
const worker = registerWorker(url, { workerName: "@NAME@" });

// A step of an automation calls it as action_name: "@NAME@::hello".
worker.registerFunction("@NAME@::hello", async ({ name }) => {
  console.log(`greeting ${name}`);
  return { greeting: `Hello, ${name ?? "world"}!` };
});

// What others do starts something here.
worker.registerFunction("@NAME@::on-workers", async ({ event, worker_id }) => {
  console.log(`${event} ${worker_id}`);
});
worker.registerTrigger({
  type: "engine::workers-available",
  function_id: "@NAME@::on-workers",
  config: {},
});

process.on("SIGTERM", async () => {
  await worker.shutdown();
  process.exit(0);
});
