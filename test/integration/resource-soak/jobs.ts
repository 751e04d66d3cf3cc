/**
 * What the workers of the soak run. Each body takes a file for every GPU that it holds, which only one process can make at
 * a time: that, and not what the library counts, says how many hold one.
 */
import { appendFileSync, closeSync, openSync, unlinkSync } from "node:fs";
import path from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import { isMerinoError, routine } from "merino";

/** GPUs of each host. */
export const GPUS = 2;

/** The folder of this host's files. */
const LOCKS = process.env.SOAK_LOCKS ?? "";

function take(amount: number): readonly string[] {
  const taken: string[] = [];
  for (let slot = 0; slot < GPUS && taken.length < amount; slot++) {
    const file = path.join(LOCKS, `gpu-${slot}`);
    try {
      closeSync(openSync(file, "wx"));
      taken.push(file);
    } catch {
      // somebody has this one
    }
  }
  if (taken.length < amount) appendFileSync(path.join(LOCKS, "violations"), `${taken.length} of ${amount}\n`);
  return taken;
}

async function use<T>(amount: number, then: () => T | Promise<T>): Promise<T> {
  const taken = take(amount);
  try {
    await turn();
    return await then();
  } finally {
    for (const file of taken) unlinkSync(file);
  }
}

/** Holds one, for a moment. */
export const hold = routine(
  async function hold(id: number): Promise<number> {
    return await use(1, () => id);
  },
  { needs: { gpu: 1 } },
);

/** Holds all of a host, for a moment. */
export const holdAll = routine(
  async function holdAll(id: number): Promise<number> {
    return await use(GPUS, () => id);
  },
  { needs: { gpu: GPUS } },
);

/** May run again after a loss, or twice at a time. */
export const repeat = routine(
  async function repeat(id: number): Promise<number> {
    return await use(1, () => id);
  },
  { needs: { gpu: 1 }, idempotent: true, retry: { attempts: 3 }, hedge: { after: 20 } },
);

/** Holds none, and waits for a body that does. */
export const outer = routine(async function outer(id: number): Promise<number> {
  return await hold(id);
});

/** Holds one, and calls a body, by way of another one, that would have to wait for it. */
export const clash = routine(
  async function clash(id: number): Promise<number | string> {
    return await use(1, async () => {
      try {
        return await outer(id);
      } catch (error) {
        if (isMerinoError(error) && "refusal" in error) return String(error.refusal);
        throw error;
      }
    });
  },
  { needs: { gpu: 1 } },
);

/** Holds one between its values. */
export const values = routine(
  async function* values(id: number): AsyncGenerator<number, void, undefined> {
    const taken = take(1);
    try {
      for (let value = id; ; value++) yield value;
    } finally {
      for (const file of taken) unlinkSync(file);
    }
  },
  { needs: { gpu: 1 } },
);
