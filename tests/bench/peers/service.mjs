// A Restate service that does what the bench automations do: durable steps in a row,
// each of which gives back its parameters.
import * as restate from "@restatedev/restate-sdk";

const steps = (count) => async (context, input) => {
  let result = null;
  for (let n = 0; n < count; n++)
    result = await context.run(`s${n}`, async () => ({ order: 17, n }));
  return { input, result };
};

const service = restate.service({
  name: "Bench",
  handlers: { steps1: steps(1), steps10: steps(10) },
});

restate.serve({ services: [service], port: Number(process.env.PORT) });
