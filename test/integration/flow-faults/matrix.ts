/**
 * Random schedules of calls with flows on worker threads, processes and the network, some at a time, in which callers leave
 * and bodies, sources, callbacks and whole workers fail: each call settles and is right, and nothing is left of it anywhere.
 */
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { StaticDiscovery, WorkerPool } from "merino";
import { startNetworkWorker } from "../network-worker/workers.ts";
import { openOnes } from "./jobs.ts";
import { run, type Schedule, scheduleOf, VESSELS, type Vessel } from "./schedule.ts";

const JOBS = fileURLToPath(new URL("./jobs.ts", import.meta.url));
/** Calls at a time on one kind of worker. */
const AT_A_TIME = 4;
const KILL_GRACE_MS = 200;
/** A body that has lost its caller ends within. */
const ENDS_WITHIN_MS = 20_000;

export interface MatrixOptions {
  readonly seed: number;
  readonly schedules: number;
  /** Of which only this one is done. */
  readonly only?: number | undefined;
  /** Told after each. */
  readonly onDone?: (done: number) => void;
}

export interface Report {
  /** What calls have come to, by how often. */
  readonly ended: Readonly<Record<string, number>>;
  readonly findings: readonly string[];
}

/** Does them all. */
export async function runMatrix({ seed, schedules, only, onDone }: MatrixOptions): Promise<Report> {
  const ended: Record<string, number> = {};
  const findings: string[] = [];
  let done = 0;
  const all = Array.from({ length: schedules }, (_, index) => scheduleOf(seed, index)).filter(
    ({ index }) => only === undefined || index === only,
  );
  const one = async (schedule: Schedule, pool: WorkerPool): Promise<void> => {
    const outcome = await run(schedule, pool);
    ended[outcome.ended] = (ended[outcome.ended] ?? 0) + 1;
    for (const finding of outcome.findings) findings.push(`${finding}: ${JSON.stringify(schedule)}`);
    onDone?.(++done);
  };
  await Promise.all(
    VESSELS.map(async (vessel) => {
      const left = all.filter((schedule) => schedule.vessel === vessel).reverse();
      while (left.length > 0) {
        await using fleet = await open(vessel);
        await Promise.all(Array.from({ length: AT_A_TIME }, () => fleet.work(left, one)));
        if (fleet.isSpent) continue;
        const open_ = await leftOpen(fleet.pool);
        if (open_ > 0) findings.push(`${vessel}: ${open_} bodies never end (seed ${seed})`);
      }
    }),
  );
  return { ended, findings };
}

/** A pool of one kind of worker. */
class Fleet implements AsyncDisposable {
  readonly pool: WorkerPool;
  /** Its worker may be gone, and nobody replaces it. */
  isSpent = false;
  readonly #replaces: boolean;
  readonly #end: () => Promise<void>;

  constructor(pool: WorkerPool, replaces: boolean, end: () => Promise<void>) {
    this.pool = pool;
    this.#replaces = replaces;
    this.#end = end;
  }

  /** Does one after the other, the last first, while there are workers. */
  async work(left: Schedule[], one: (schedule: Schedule, pool: WorkerPool) => Promise<void>): Promise<void> {
    while (!this.isSpent) {
      const schedule = left.pop();
      if (schedule === undefined) return;
      if (!this.#replaces && schedule.fault === "die") this.isSpent = true;
      await one(schedule, this.pool);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.pool.close();
    await this.#end();
  }
}

async function open(vessel: Vessel): Promise<Fleet> {
  if (vessel !== "network") {
    const pool = await WorkerPool.open({ size: 2, worker: vessel, killGrace: KILL_GRACE_MS, ambient: false });
    return new Fleet(pool, true, async () => {});
  }
  const worker = await startNetworkWorker({ modules: [JOBS] });
  const pool = await WorkerPool.open({ discovery: new StaticDiscovery([worker.remote]), ambient: false });
  return new Fleet(pool, false, async () => await worker[Symbol.asyncDispose]());
}

/** Bodies and sources that are open when they should all have ended. */
async function leftOpen(pool: WorkerPool): Promise<number> {
  let count = 0;
  for (const untilMs = performance.now() + ENDS_WITHIN_MS; performance.now() < untilMs; await pause(20)) {
    count = 0;
    for await (const outcome of pool.each(openOnes))
      if (outcome.status === "fulfilled") count += outcome.value;
    if (count === 0) return 0;
  }
  return count;
}
