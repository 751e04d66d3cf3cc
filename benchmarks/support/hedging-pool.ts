/**
 * Calls of a pool of eight threads, of which one or another stands still once in a second, at a fixed rate: how long each took, and
 * how many were made more than once. Each kind of call has its turn in each round, since the machine is not the same at
 * all times.
 */
import { type HedgeOptions, WorkerPool } from "merino";
import { startStalling, stopStalling, work } from "../functions/stalling.ts";

const WORKERS = 8;
const STALL_MS = 100;
/** From the end of one stall of a worker to the beginning of its next, on average: of all there is one in a second. */
const BETWEEN_STALLS_MS = 7_900;
const BODY_MS = 4;
const CALLS_PER_SECOND = 250;

/** What is measured of calls of one kind. */
export interface PoolFigures {
  readonly tookMs: number[];
  calls: number;
  extra: number;
}

/** @param kinds By name, with `hedge`. */
export async function measurePool(
  kinds: Readonly<Record<string, HedgeOptions | false>>,
  { rounds, callsPerRound }: { readonly rounds: number; readonly callsPerRound: number },
): Promise<Readonly<Record<string, PoolFigures>>> {
  await using pool = await WorkerPool.open({ size: WORKERS, worker: "thread" });
  const figures = Object.fromEntries(
    Object.keys(kinds).map((name): [string, PoolFigures] => [name, { tookMs: [], calls: 0, extra: 0 }]),
  );
  // What is compiled and learned at first is not measured.
  for (const hedge of Object.values(kinds)) await makeCalls(hedge, 200);
  for await (const { status } of pool.each(startStalling, STALL_MS, BETWEEN_STALLS_MS)) {
    if (status !== "fulfilled") throw new Error("a worker does not stall");
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, hedge] of Object.entries(kinds)) {
      const { hedged } = pool.stats();
      const tookMs = await makeCalls(hedge, callsPerRound);
      const figure = figures[name];
      if (figure === undefined) continue;
      figure.tookMs.push(...tookMs);
      figure.calls += callsPerRound;
      figure.extra += pool.stats().hedged - hedged;
    }
  }
  for await (const _ of pool.each(stopStalling));
  return figures;
}

/** Makes calls at the rate, however long those before take. */
async function makeCalls(hedge: HedgeOptions | false, count: number): Promise<number[]> {
  const tookMs: number[] = [];
  const calls: Promise<void>[] = [];
  const startMs = performance.now();
  const call = work.with({ hedge });
  for (let made = 0; made < count; made++) {
    const dueMs = startMs + (made * 1_000) / CALLS_PER_SECOND;
    const waitMs = dueMs - performance.now();
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    const sinceMs = performance.now();
    calls.push(call(BODY_MS).then(() => void tookMs.push(performance.now() - sinceMs)));
  }
  await Promise.all(calls);
  return tookMs;
}
