/** When workers are replaced by new ones, before they have leaked too much: as users say it, and after checking. */
import { assertDuration, assertInteger, assertKnownOptions } from "../../errors/check-options.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { WantedReports } from "../worker.ts";

/** The limits at which a worker is replaced. At least one of `calls`, `age` and `memory` is given. */
export interface RecycleOptions {
  /** Calls that a worker has taken, nested ones included: an integer from 1. Default: any number. */
  readonly calls?: number | undefined;
  /** Milliseconds, above 0, since it has become ready. Default: any time. */
  readonly age?: number | undefined;
  /**
   * Bytes, an integer from 1: what a process has in memory (RSS); of a thread the heap that is used and the memory outside
   * of it that belongs to its values. Default: any size.
   */
  readonly memory?: number | undefined;
  /**
   * By which part of a limit a worker may be replaced sooner, from 0 to 1: each worker has limits of its own, by chance, so
   * that those that were started together are not replaced together. Default 0.2.
   */
  readonly jitter?: number | undefined;
}

/** {@link RecycleOptions} after validation; limits that were not given are infinite. */
export interface ResolvedRecycleOptions {
  readonly calls: number;
  readonly ageMs: number;
  readonly memoryBytes: number;
  readonly jitter: number;
}

/** The limits of one worker. */
export type WearLimits = Omit<ResolvedRecycleOptions, "jitter">;

/** Which of its limits a worker has reached. */
export type WearReason = "calls" | "age" | "memory";

const RECYCLE_OPTIONS: Readonly<Record<keyof RecycleOptions, true>> = {
  calls: true,
  age: true,
  memory: true,
  jitter: true,
};

const DEFAULT_JITTER = 0.2;

/**
 * Checks the option and fills in defaults. Pure.
 *
 * @throws {@link InvalidOptionError} naming the first part that cannot be accepted.
 */
export function resolveRecycle(options: RecycleOptions): ResolvedRecycleOptions {
  if (typeof options !== "object" || options === null) {
    throw new InvalidOptionError("recycle", {
      value: options,
      expected: "an object of limits, as { memory: 512 * 2 ** 20 }",
    });
  }
  assertKnownOptions(options, RECYCLE_OPTIONS);
  const { calls, age, memory, jitter = DEFAULT_JITTER } = options;
  assertInteger("recycle.calls", calls, { least: 1 });
  assertDuration("recycle.age", age, { above: 0 });
  assertInteger("recycle.memory", memory, { least: 1 });
  if (typeof jitter !== "number" || !(jitter >= 0 && jitter <= 1)) {
    throw new InvalidOptionError("recycle.jitter", { value: jitter, expected: "a part, from 0 to 1" });
  }
  if (calls === undefined && age === undefined && memory === undefined) {
    throw new InvalidOptionError("recycle", {
      value: options,
      expected: "at least one of the limits calls, age and memory",
    });
  }
  const { POSITIVE_INFINITY } = Number;
  return {
    calls: calls ?? POSITIVE_INFINITY,
    ageMs: age ?? POSITIVE_INFINITY,
    memoryBytes: memory ?? POSITIVE_INFINITY,
    jitter,
  };
}

/**
 * Chooses the limits of one worker: each by up to `jitter` below what was asked for, never above.
 *
 * @param random Source of uniform numbers in [0, 1); a parameter so that tests can fix it.
 */
export function chooseLimits(
  { calls, ageMs, memoryBytes, jitter }: ResolvedRecycleOptions,
  random: () => number = Math.random,
): WearLimits {
  const sooner = (limit: number): number => limit * (1 - jitter * random());
  return {
    calls: Math.max(1, Math.round(sooner(calls))),
    ageMs: sooner(ageMs),
    memoryBytes: Math.max(1, Math.round(sooner(memoryBytes))),
  };
}

/** What a worker with these limits has to tell of itself; how old it is its parent knows. */
export function wearOf({ calls, memoryBytes }: WearLimits): WantedReports["wear"] {
  const limits = {
    ...(Number.isFinite(calls) && { calls }),
    ...(Number.isFinite(memoryBytes) && { memory: memoryBytes }),
  };
  return Object.keys(limits).length === 0 ? undefined : limits;
}
