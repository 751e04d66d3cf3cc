/** Options of worker processes, as users write them and as the interior reads them. */
import { assertKnownOptions } from "../errors/assert-known-options.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { MAX_TIMER_MS } from "../internal/clock.ts";
import type { ChannelOptions } from "../wire/channel-options.ts";

/** How worker processes are started, and what they advertise. */
export interface ProcessWorkerOptions {
  /**
   * Node options for the worker, for example `["--max-old-space-size=512"]`, added to those inherited from
   * this process. They are passed as they are, also those that are not inherited for good reason.
   * Default: none.
   */
  readonly execArgv?: readonly string[];
  /**
   * Environment variables of the worker, merged over this process's own; `undefined` takes one away.
   * Default: none.
   */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /**
   * Milliseconds in which the worker must be ready; after that it is killed and its start has failed.
   * Default: what the pool asks for, which is 60 000 unless it says otherwise.
   */
  readonly startTimeout?: number;
  /** Milliseconds that the import of one routine's module may take. Default 30 000. */
  readonly importTimeout?: number;
  /** Most root calls one client sends to the worker at a time; nested calls do not count. Default 100 000. */
  readonly maxConcurrentCalls?: number;
  /** Largest message the worker accepts, in bytes. Default 100 MiB. */
  readonly maxMessageSize?: number;
}

/** {@link ProcessWorkerOptions} after validation. */
export interface ResolvedProcessWorkerOptions {
  readonly execArgv: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Undefined: as the pool asks. */
  readonly startTimeoutMs: number | undefined;
  readonly importTimeoutMs: number;
  readonly channel: ChannelOptions;
}

const PROCESS_OPTIONS: Readonly<Record<keyof ProcessWorkerOptions | "hostUrl", true>> = {
  execArgv: true,
  env: true,
  startTimeout: true,
  importTimeout: true,
  maxConcurrentCalls: true,
  maxMessageSize: true,
  hostUrl: true,
};

const DEFAULT_IMPORT_TIMEOUT_MS = 30_000;

/**
 * Checks the options of worker processes and fills in defaults. Pure; the result shares nothing with its input.
 *
 * @throws {@link InvalidOptionError} naming the first option that cannot be accepted.
 */
export function resolveProcessWorkerOptions(
  options: ProcessWorkerOptions = {},
): ResolvedProcessWorkerOptions {
  assertKnownOptions(options, PROCESS_OPTIONS);
  const { execArgv = [], env = {}, startTimeout, importTimeout = DEFAULT_IMPORT_TIMEOUT_MS } = options;
  const { maxConcurrentCalls, maxMessageSize } = options;
  if (!Array.isArray(execArgv) || !execArgv.every(isArgument)) {
    throw new InvalidOptionError("execArgv", {
      value: execArgv,
      expected: "an array of strings without NUL",
    });
  }
  if (!isEnvironment(env)) {
    throw new InvalidOptionError("env", {
      value: env,
      expected: "an object of strings (undefined removes a variable)",
    });
  }
  if (startTimeout !== undefined) assertDuration("startTimeout", startTimeout);
  assertDuration("importTimeout", importTimeout);
  if (maxConcurrentCalls !== undefined) assertCount("maxConcurrentCalls", maxConcurrentCalls);
  if (maxMessageSize !== undefined) assertCount("maxMessageSize", maxMessageSize);
  return {
    execArgv: [...execArgv],
    env: { ...env },
    startTimeoutMs: startTimeout,
    importTimeoutMs: importTimeout,
    channel: {
      ...(maxConcurrentCalls === undefined ? {} : { maxConcurrentCalls }),
      ...(maxMessageSize === undefined ? {} : { maxMessageSize }),
    },
  };
}

function isArgument(value: unknown): boolean {
  return typeof value === "string" && !value.includes("\0");
}

function isEnvironment(value: unknown): boolean {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return false;
  return Object.entries(value).every(
    ([name, text]) => !name.includes("=") && isArgument(name) && (text === undefined || isArgument(text)),
  );
}

function assertDuration(option: string, value: unknown): void {
  if (typeof value === "number" && value > 0 && value <= MAX_TIMER_MS) return;
  throw new InvalidOptionError(option, { value, expected: `milliseconds above 0, at most ${MAX_TIMER_MS}` });
}

function assertCount(option: string, value: unknown): void {
  if (Number.isSafeInteger(value) && Number(value) > 0) return;
  throw new InvalidOptionError(option, { value, expected: "a positive integer" });
}
