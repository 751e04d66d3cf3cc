/** Checks the options of one call. */
import type { CallOptions } from "../context/dispatcher.ts";
import { assertKnownOptions } from "../errors/assert-known-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { isAbortSignal } from "../internal/is-abort-signal.ts";

const MAX_PREFETCH = 1_000_000;

/** Longest duration a timer takes, in milliseconds. */
const MAX_DURATION_MS = 2 ** 31 - 1;

const CALL_OPTIONS: Readonly<Record<keyof CallOptions, true>> = {
  signal: true,
  timeout: true,
  dispatchTimeout: true,
  tag: true,
  pool: true,
  prefetch: true,
  copy: true,
  returnGrace: true,
};

/**
 * Checks the options of a call and returns them.
 *
 * @throws {@link InvalidOptionError} for the first option that has a wrong type or range.
 */
export function resolveCallOptions(options: CallOptions): CallOptions {
  assertKnownOptions(options, CALL_OPTIONS);
  assertDuration("timeout", options.timeout);
  assertDuration("dispatchTimeout", options.dispatchTimeout);
  assertDuration("returnGrace", options.returnGrace);
  const { signal, tag, pool, prefetch, copy } = options;
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw new InvalidOptionError("signal", { value: signal, expected: "an AbortSignal" });
  }
  if (tag !== undefined && typeof tag !== "string") {
    throw new InvalidOptionError("tag", { value: tag, expected: "a string" });
  }
  // `in`, not a read: a pool that is not open refuses the read, and that is for the call to report.
  if (pool !== undefined && !(typeof pool === "object" && pool !== null && "dispatcher" in pool)) {
    throw new InvalidOptionError("pool", { value: pool, expected: "a WorkerPool or WorkerProxy" });
  }
  if (prefetch !== undefined && !(Number.isInteger(prefetch) && prefetch >= 0 && prefetch <= MAX_PREFETCH)) {
    throw new InvalidOptionError("prefetch", {
      value: prefetch,
      expected: `an integer from 0 to ${MAX_PREFETCH}`,
    });
  }
  if (copy !== undefined && typeof copy !== "boolean") {
    throw new InvalidOptionError("copy", { value: copy, expected: "a boolean" });
  }
  return options;
}

/** Checks an optional duration in milliseconds: a number above 0 that a timer can take. */
export function assertDuration(option: string, value: number | undefined): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !(value > 0 && value <= MAX_DURATION_MS)) {
    throw new InvalidOptionError(option, {
      value,
      expected: `milliseconds above 0 and at most ${MAX_DURATION_MS}, or nothing for no limit`,
    });
  }
}
