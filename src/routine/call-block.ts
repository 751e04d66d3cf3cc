/** Options of calls for a block of code: which of them apply to a call in it, and how blocks inside one another add up. */
import type { CallOptions, IdempotentCallOptions } from "../context/dispatcher.ts";
import { runInInnerScope } from "../context/inner-scope.ts";
import { currentScope } from "../context/scope.ts";
import { assertKnownOptions } from "../errors/check-options.ts";
import type { RepeatOptions } from "../identity/repeat-options.ts";
import { assertCallOptions } from "./call-options.ts";

/** The options of calls that a block can have. */
export interface BlockCallOptions
  extends Pick<CallOptions, "timeout" | "dispatchTimeout" | "priority" | "tag" | "pool">,
    RepeatOptions {}

/**
 * Runs a function in which all calls have these options, unless `with()` or a block inside it says otherwise. They apply
 * to everything asynchronous that the function starts, and, apart from `pool`, `priority`, `retry` and `hedge`, to the
 * calls that its routines make in turn. A `timeout` is that of each call; of several the shortest counts. `retry` and
 * `hedge` concern calls of idempotent routines whose arguments are not moved, and no others.
 *
 * @returns What the function returns.
 * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION, fault: caller) for an option that does not exist or has a wrong type.
 * @example
 * await withCallOptions({ timeout: 5_000, tag: "nightly" }, async () => {
 *   await add(1, 2);
 *   await add(3, 4);
 * });
 */
export function withCallOptions<R>(options: BlockCallOptions, fn: () => R): R {
  assertKnownOptions(options, {
    timeout: true,
    dispatchTimeout: true,
    priority: true,
    tag: true,
    pool: true,
    retry: true,
    hedge: true,
  });
  assertCallOptions(options);
  const callOptions = combined(currentScope()?.callOptions, options);
  return runInInnerScope({ dispatcher: options.pool?.dispatcher, callOptions }, fn);
}

/** The options of a call in a block. */
export function inBlock(
  block: IdempotentCallOptions | undefined,
  given: IdempotentCallOptions | undefined,
): IdempotentCallOptions | undefined {
  const options = block === undefined ? given : combined(block, given);
  // One without a limit is none, and costs no second round trip.
  return options?.dispatchTimeout === Number.POSITIVE_INFINITY
    ? { ...options, dispatchTimeout: undefined }
    : options;
}

/** The inner options count, and the shorter timeout. */
function combined(
  outer: IdempotentCallOptions | undefined,
  inner: IdempotentCallOptions | undefined,
): IdempotentCallOptions {
  const timeout = Math.min(
    outer?.timeout ?? Number.POSITIVE_INFINITY,
    inner?.timeout ?? Number.POSITIVE_INFINITY,
  );
  const isLimited = outer?.timeout !== undefined || inner?.timeout !== undefined;
  return {
    ...outer,
    ...inner,
    timeout: isLimited ? timeout : undefined,
    dispatchTimeout: inner?.dispatchTimeout ?? outer?.dispatchTimeout,
    priority: inner?.priority ?? outer?.priority,
    tag: inner?.tag ?? outer?.tag,
    pool: inner?.pool ?? outer?.pool,
    retry: inner?.retry ?? outer?.retry,
    hedge: inner?.hedge ?? outer?.hedge,
  };
}
