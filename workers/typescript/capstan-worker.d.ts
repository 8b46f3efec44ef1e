/* capstan-worker - do the work of a Capstan engine, in JavaScript or TypeScript.
 *
 *   import { Worker } from "capstan-worker";
 *
 *   const worker = new Worker({ concurrency: 8 });
 *   worker.action("greet", async (job) => ({ greeting: `Hello, ${job.parameters.name}!` }));
 *   await worker.run(); // until SIGTERM, SIGINT or worker.stop()
 *
 * What you may rely on
 * - As many actions are under way at once as `concurrency` says, never more.
 * - An outcome is kept and said again until the engine has it on disk.
 * - A job may come twice: when this process was cut off for longer than the engine's
 *   lease, the job goes to another worker.  Then `job.signal` is aborted here, and
 *   whatever the action returns is dropped.  `job.id` is the same for all attempts.
 * - When the connection breaks it is made again, after 0.1 s first and 5 s at most.
 *
 * What you must not do: block the event loop.  Actions share one thread with the
 * heartbeats that keep their leases.  What computes for longer than a second or so
 * belongs into a worker thread or a process; see README.md.
 *
 * Values.  Parameters and outputs are what JSON has, and Uint8Array.  An integer that a
 * number cannot hold exactly is a bigint, in both directions; `toJSON` is called, so a
 * Date becomes a text; a key whose value is undefined is left out.
 */

/** All may be left out. */
export interface Options {
  /** `tcp://HOST:PORT`; default: $CAPSTAN_WORKER_URL, else $CAPSTAN_URL's host and port
   *  5170, else 127.0.0.1. */
  url?: string;
  /** API key, `cap_…`; default: $CAPSTAN_API_KEY, else, for an engine on this machine,
   *  its development key. */
  key?: string;
  /** CURVE: the engine's public key, 40 characters of Z85; default: $CAPSTAN_SERVER_KEY. */
  serverKey?: string;
  /** Who this is, unique in the project; default: of the platform (Cloud Run, Kubernetes,
   *  Fly, Railway, Render) where there is one, else the host's name and some chance. */
  instance?: string;
  /** Of the program, for people; default: $III_WORKER_NAME. */
  name?: string;
  /** Of the program, for people. */
  version?: string;
  /** Where to take jobs from; default: `["default"]`.  `media.*` is every queue that
   *  begins so. */
  queues?: string[];
  /** What to take; default: every action that was added. */
  actions?: string[];
  /** What this worker has, for jobs that ask for it. */
  labels?: string[];
  /** The environment that it runs in. */
  environment?: string;
  /** Jobs at once, 1 to 4096; default 1. */
  concurrency?: number;
  /** Heartbeats never less often than this, in ms; default: as the engine says. */
  heartbeatMs?: number;
  /** How long stopping waits for jobs, in ms; default: $CAPSTAN_DRAIN_MS, else 10000. */
  drainMs?: number;
  /** First wait for an acknowledgement, in ms; default 2000. */
  resendMs?: number;
  /** Give the key as the password of ZeroMQ's PLAIN too. */
  plain?: boolean;
  /** Stop on SIGTERM and SIGINT, at once on the second; default true. */
  signals?: boolean;
  /** One line per event, without a newline; default: lines on stderr. */
  log?: (level: "broken" | "unusual" | "info", line: string) => void;
}

/** One job, for one attempt. */
export interface Job<Parameters = any> {
  /** `job_…`; the same for all attempts: the idempotency key of what you call. */
  readonly id: string;
  /** `run_…` */
  readonly run: string;
  /** Key of the step. */
  readonly step: string;
  /** Name of the automation. */
  readonly automation: string;
  readonly action: string;
  readonly queue: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** When the engine gives the attempt up; undefined: never. */
  readonly deadline: Date | undefined;
  /** Usually an object. */
  readonly parameters: Parameters;
  /** Aborted when somebody cancelled the run, the attempt's time is over, or the lease is
   *  lost.  The reason is an Error named `Cancelled` or `LeaseLost`. */
  readonly signal: AbortSignal;
  /** Text for the run's log, any number of lines.  Best effort: what comes faster than it
   *  can be sent, 1 MiB ahead, is dropped. */
  log(text: string, stream?: "stdout" | "stderr" | (string & {})): void;
  /** If this attempt fails, another one should wait at least so long, a day at most.  The
   *  engine waits as long, up to the longest delay of the step's retries. */
  retryAfter(ms: number): void;
}

/** What it returns is the output of the step.  What it throws fails the attempt, with the
 *  error's name and message; a Fatal fails the step, however many attempts it allows.
 *  After a cancel, throwing anything or returning nothing is to be cancelled. */
export type Action<Parameters = any> = (job: Job<Parameters>) => unknown;

export class Worker {
  /** @throws TypeError that names the option which makes no sense */
  constructor(options?: Options);

  /** Do jobs of that name so.  Before `run` only, and once for each name; at most 256. */
  action<Parameters = any>(name: string, action: Action<Parameters>): this;

  /** Do jobs of every other name so. */
  fallback<Parameters = any>(action: Action<Parameters>): this;

  /** Work until stopped; once per worker.  Resolves to the number of jobs that were left
   *  under way after `drainMs` and go to other workers: 0, if all is well.
   *  @throws Refused if the engine does not let this worker in
   *  @throws TypeError if there is no action */
  run(): Promise<number>;

  /** Take no more jobs, finish those at hand, say goodbye and let `run` return, after
   *  `drainMs` at the latest.  The second call does not wait for jobs. */
  stop(): void;

  /** Publish an event of the project: wake what waits for it, start what it starts.
   *  Resolves to its number in the project's stream when the engine has it on disk; said
   *  again until then.  At most 256 may wait.
   *  @throws Refused if the engine does not take it, or the worker has ended before */
  publish(event: string, data?: Record<string, unknown>, more?: {
    /** The same id is the same event: name it after the job and it is one, however often
     *  the job is tried.  1 to 200 bytes; default: chance. */
    id?: string;
    /** Where it comes from. */
    source?: string;
    meta?: Record<string, unknown>;
  }): Promise<number>;
}

/** Thrown by an action: another attempt would fail too. */
export class Fatal extends Error {
  /** `type` is the error's name, a word such as CardDeclined; default `Fatal`. */
  constructor(message: string, options?: { type?: string; cause?: unknown });
}

/** The engine has said no; `code` is a name of docs/errors.md. */
export class Refused extends Error {
  constructor(code: string, message: string);
  readonly code: string;
}
