/* Seed 000's journey by the TypeScript SDK: prints what it saw as JSON. */
const { Client } = await import(process.env.MOBIUS_SDK);
const options = JSON.parse(process.argv[2]);
const client = new Client({
  apiKey: options.key,
  baseURL: options.url,
  project: "platform",
});
const { name, ...spec } = options.loop;
const loop = await client.createLoop({ name, spec });
const run = await client.startRun(loop.id, { event: { issue_id: "42" } });
const seen = [];
for await (const event of client.watchRun(run.id)) seen.push(event.event_type ?? event.type);
const last = await client.waitRun(run.id);
const page = await client.listLoops();
console.log(JSON.stringify({ loop, run, seen, last, loops: page.items.length }));
