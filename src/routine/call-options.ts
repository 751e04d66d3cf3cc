/** Checks the options of one call. */
import type { CallOptions } from "../context/dispatcher.ts";
import {
  assertBoolean,
  assertDuration,
  assertInteger,
  assertKnownOptions,
  assertSignal,
  type DurationRange,
  type IntegerRange,
} from "../errors/check-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { isThenable } from "../internal/is-thenable.ts";

const PREFETCH: IntegerRange = { least: 0, most: 1_000_000 };

/** As the wire has it. */
const PRIORITY: IntegerRange = { least: -(2 ** 31), most: 2 ** 31 - 1 };

/** The range of a call's time limits. */
export const TIME_LIMIT: DurationRange = { above: 0, absent: "no limit" };

const CALL_OPTIONS: Readonly<Record<keyof CallOptions, true>> = {
  signal: true,
  timeout: true,
  dispatchTimeout: true,
  runTimeout: true,
  priority: true,
  tag: true,
  pool: true,
  prefetch: true,
  copy: true,
  returnGrace: true,
};

/**
 * Checks the options of a call.
 *
 * @throws {@link InvalidOptionError} for the first option that has a wrong type or range.
 */
export function assertCallOptions(options: CallOptions): void {
  assertKnownOptions(options, CALL_OPTIONS);
  assertDuration("timeout", options.timeout, TIME_LIMIT);
  assertDuration("dispatchTimeout", options.dispatchTimeout, TIME_LIMIT);
  assertDuration("runTimeout", options.runTimeout, TIME_LIMIT);
  assertDuration("returnGrace", options.returnGrace, TIME_LIMIT);
  const { signal, tag, pool, prefetch, copy } = options;
  assertSignal("signal", signal);
  if (tag !== undefined && typeof tag !== "string") {
    throw new InvalidOptionError("tag", { value: tag, expected: "a string" });
  }
  // `in`, not a read: a pool that is not open refuses the read, and that is for the call to report.
  if (pool !== undefined && !(typeof pool === "object" && pool !== null && "dispatcher" in pool)) {
    throw new InvalidOptionError("pool", {
      value: pool,
      expected: "a WorkerPool or WorkerProxy",
      ...(isThenable(pool) && { advice: "It is a promise of one: await WorkerPool.open()" }),
    });
  }
  assertInteger("prefetch", prefetch, PREFETCH);
  assertInteger("priority", options.priority, PRIORITY);
  assertBoolean("copy", copy);
}
