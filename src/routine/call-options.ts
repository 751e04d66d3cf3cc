/** Checks the options of one call. */
import type { IdempotentCallOptions } from "../context/dispatcher.ts";
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
import { type RepeatOptions, resolveHedge, resolveRetry } from "../identity/repeat-options.ts";
import { isThenable } from "../internal/is-thenable.ts";

const PREFETCH: IntegerRange = { least: 0, most: 1_000_000 };

/** Of UTF-8. */
const KEY_BYTES = { least: 1, most: 256 };

/** As the wire has it. */
const PRIORITY: IntegerRange = { least: -(2 ** 31), most: 2 ** 31 - 1 };

/** The range of a call's time limits. */
export const TIME_LIMIT: DurationRange = { above: 0, absent: "no limit" };

const CALL_OPTIONS: Readonly<Record<keyof IdempotentCallOptions, true>> = {
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
  idempotencyKey: true,
  retry: true,
  hedge: true,
};

/**
 * Checks the options of a call.
 *
 * @throws {@link InvalidOptionError} for the first option that has a wrong type or range.
 */
export function assertCallOptions(options: IdempotentCallOptions): void {
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
  const { idempotencyKey: key } = options;
  if (key !== undefined && !(typeof key === "string" && isWithin(Buffer.byteLength(key), KEY_BYTES))) {
    throw new InvalidOptionError("idempotencyKey", {
      value: key,
      expected: `a string of ${KEY_BYTES.least} to ${KEY_BYTES.most} bytes`,
    });
  }
  resolveRetry(options.retry);
  resolveHedge(options.hedge);
}

function isWithin(
  value: number,
  { least, most }: { readonly least: number; readonly most: number },
): boolean {
  return value >= least && value <= most;
}

/**
 * Checks that a call which is to be repeated may be.
 *
 * @param isIdempotent Whether its routine is declared so.
 * @throws {@link InvalidOptionError} if it may not.
 */
export function assertRepeatable({ retry, hedge }: RepeatOptions, isIdempotent: boolean): void {
  if (isIdempotent) return;
  const [option, value] = retry ? ["retry", retry] : ["hedge", hedge];
  if (value === undefined || value === false) return;
  throw new InvalidOptionError(option as string, {
    value,
    expected: "nothing, since the routine is not known to be idempotent: its calls run at most once",
    advice: "If its body may run twice, declare it with { idempotent: true } in a module that is loaded here",
  });
}

/** @throws {@link InvalidOptionError} for a call of a generator with a key. */
export function assertWithoutKey({ idempotencyKey }: IdempotentCallOptions): void {
  if (idempotencyKey === undefined) return;
  throw new InvalidOptionError("idempotencyKey", {
    value: idempotencyKey,
    expected: "nothing for a generator, whose answers are not kept",
  });
}
