/** Calls that are made all the while that pairs are replaced: on one connection that stays, and on ever new ones. */
import { setTimeout as pause } from "node:timers/promises";
import { WorkerConnection, type WorkerMetadata, WorkerProxy } from "merino";
import { add, caller, countdown, echo } from "../network-worker/fixtures/network-routines.ts";
import { pairNumber, type RotatedPair } from "./rotated-pair.ts";

const STEADY_LANES = 6;
const FRESH_LANES = 2;
const CALLS_EACH = 5;
const BYTES = Buffer.alloc(20_000, "merino ");

/** What has become of the calls. */
export interface LoadCounts {
  calls: number;
  /** Connections that were made by the lanes which make new ones. */
  connections: number;
  wrong: number;
  /** By what was said of them. */
  readonly lost: Map<string, number>;
}

/** Such a load. Disposing waits for the calls under way. */
export interface Load extends AsyncDisposable {
  readonly counts: LoadCounts;
  /** Whether new connections are made as well; those that are there are used in any case. */
  fresh: boolean;
}

/**
 * Begins to call.
 *
 * @param options `pauseMs`: how long each lane waits between five calls and the next five.
 */
export async function startLoad(
  worker: WorkerMetadata,
  pair: RotatedPair,
  { pauseMs }: { readonly pauseMs: number },
): Promise<Load> {
  const { credentials } = pair;
  const proxy = await WorkerProxy.open({ workers: [worker], credentials });
  const counts: LoadCounts = { calls: 0, connections: 0, wrong: 0, lost: new Map() };
  let ending = false;
  let newest = 0;

  async function count(call: () => Promise<boolean>): Promise<void> {
    counts.calls += 1;
    try {
      if (!(await call())) counts.wrong += 1;
    } catch (error) {
      const text = String(error);
      counts.lost.set(text, (counts.lost.get(text) ?? 0) + 1);
    }
  }

  async function steadyLane(): Promise<void> {
    for (let n = 0; !ending; n++) {
      await Promise.all(
        Array.from({ length: CALLS_EACH - 2 }, () =>
          count(async () => (await add.with({ pool: proxy })(n, 1)) === n + 1),
        ),
      );
      await count(async () => {
        const values: number[] = [];
        for await (const value of countdown.with({ pool: proxy })(3)) values.push(value);
        return values.join() === "3,2,1";
      });
      await count(async () => BYTES.equals((await echo.with({ pool: proxy })(BYTES)) as Buffer));
      await pause(pauseMs);
    }
  }

  async function freshLane(): Promise<void> {
    while (!ending) {
      await pause(pauseMs);
      if (!load.fresh) continue;
      counts.connections += 1;
      await using connection = new WorkerConnection(worker, { credentials, timeout: 20_000 });
      const atLeast = newest;
      await count(async () => {
        // A pair that was seen is never followed by an older one.
        const number = pairNumber((await caller.with({ pool: connection })()).identities ?? [], "caller");
        newest = Math.max(newest, number);
        return number >= atLeast && number <= pair.number;
      });
      for (let n = 1; n < CALLS_EACH; n++) {
        await count(async () => (await add.with({ pool: connection })(n, n)) === 2 * n);
      }
    }
  }

  const lanes = [
    ...Array.from({ length: STEADY_LANES }, steadyLane),
    ...Array.from({ length: FRESH_LANES }, freshLane),
  ];
  const load: Load = {
    counts,
    fresh: true,
    async [Symbol.asyncDispose]() {
      ending = true;
      await Promise.all(lanes);
      await proxy.close();
    },
  };
  return load;
}
