/** Between which numbers of workers a pool keeps itself, and what by: as users say it, and after checking. */
import { availableParallelism } from "node:os";
import { assertDuration, assertInteger, assertKnownOptions } from "../../errors/check-options.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";

/** How many workers a pool spawns, as there is work for them. */
export interface SizeRange {
  /** Workers that are always there, an integer from 0; `open()` waits for these. Default 1. */
  readonly min?: number | undefined;
  /** The most workers, an integer from 1, and from `min`. Default: one per available CPU, or `min` if that is more. */
  readonly max?: number | undefined;
  /**
   * Milliseconds, above 0, of work that there may be for each worker before there are more of them: how long the calls that
   * run and wait are expected to take, for one worker. About how long a call waits at most. Default 250.
   */
  readonly targetWait?: number | undefined;
  /**
   * Milliseconds for which there have to be more workers than are needed before those that have no call are ended;
   * `Infinity`: they never are. Default 30 000.
   */
  readonly idle?: number | undefined;
}

/** {@link SizeRange} after validation. */
export interface ResolvedSizeRange {
  readonly min: number;
  readonly max: number;
  readonly targetWaitMs: number;
  readonly idleMs: number;
}

const SIZE_OPTIONS: Readonly<Record<keyof SizeRange, true>> = {
  min: true,
  max: true,
  targetWait: true,
  idle: true,
};

/**
 * Checks a range and fills in defaults. Pure.
 *
 * @throws {@link InvalidOptionError} naming the first part that cannot be accepted.
 */
export function resolveSizeRange(range: SizeRange): ResolvedSizeRange {
  assertKnownOptions(range, SIZE_OPTIONS);
  const { min = 1, max, targetWait = 250, idle = 30_000 } = range;
  assertInteger("size.min", min, { least: 0 });
  assertInteger("size.max", max, { least: 1 });
  if (max !== undefined && max < min) {
    throw new InvalidOptionError("size.max", { value: max, expected: `at least ${min}, as 'min' is` });
  }
  assertDuration("size.targetWait", targetWait, { above: 0 });
  assertDuration("size.idle", idle);
  return { min, max: max ?? Math.max(min, availableParallelism()), targetWaitMs: targetWait, idleMs: idle };
}
