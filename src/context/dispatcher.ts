/** The interface through which a routine's call reaches a worker. Types only. */
import type { RepeatOptions } from "../identity/repeat-options.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { TraceContext } from "../telemetry/trace-context.ts";
import type { RunningTask } from "./task.ts";
import type { Bindings } from "./variables/bindings.ts";

/** Options of one call, given through `routine.with(options)`. */
export interface CallOptions {
  /** Cancels the call. The promise rejects at once with the signal's reason; the routine's own signal fires. */
  readonly signal?: AbortSignal | undefined;
  /** Budget of the whole call in milliseconds (for a generator: of the whole stream); > 0, `Infinity` for none, also where the routine has one. Shrinks over nested calls. Default: the routine's. */
  readonly timeout?: number | undefined;
  /**
   * Budget of the body alone, in milliseconds from when it begins, for a generator with the time between its steps; > 0,
   * `Infinity` for none, also where the routine has one. With `dispatchTimeout`, that one runs until the body begins.
   * Default: the routine's.
   */
  readonly runTimeout?: number | undefined;
  /** Bounds only the search for a worker that accepts, in milliseconds; > 0, `Infinity` for none. Costs a second round trip. Default: none. */
  readonly dispatchTimeout?: number | undefined;
  /**
   * Which of the calls that wait starts next, in the pool and at the worker: the one with the highest; an integer of 32
   * bits, that may be below 0. Within one priority, first come, first served. After 7 calls in a row that went past the
   * one that has waited longest, that one is next. Default 0.
   */
  readonly priority?: number | undefined;
  /** Free text that the routine, its events and the balancer see. */
  readonly tag?: string | undefined;
  /** The pool (or proxy) that carries the call. Default: see `WorkerPool.run` and the ambient pool. */
  readonly pool?: CallTarget | undefined;
  /** Generators only: values the worker may produce ahead of the consumer, 0 to 1 000 000. Default 0. */
  readonly prefetch?: number | undefined;
  /** Generators only: milliseconds that `return()` and `break` wait for the remote `finally` blocks before the call is cancelled; > 0, `Infinity` for no limit. Default 5 000. */
  readonly returnGrace?: number | undefined;
  /**
   * Functions only: a name for the call, from 1 to 256 bytes of UTF-8, by which a worker that has answered it with a value
   * answers in the same way instead of running the body again. It knows the caller's own calls of this routine, as long as
   * it keeps them; with other arguments the call fails. Default: every call runs.
   */
  readonly idempotencyKey?: string | undefined;
  /** Copies binary arguments of 64 KiB and more, so that they may be changed at once after the call. Default false. */
  readonly copy?: boolean | undefined;
}

/** Options of one call of a routine that is declared `idempotent`, given through `routine.with(options)`. */
export interface IdempotentCallOptions extends CallOptions, RepeatOptions {}

/** One call, as a routine hands it over. */
export interface CallRequest {
  /** The routine that is called. */
  readonly definition: RoutineDefinition;
  /** `this` of the call when it travels: an instance of a portable class, or such a class. */
  readonly receiver: unknown;
  /** The arguments, before they are encoded. */
  readonly parameters: readonly unknown[];
  /**
   * As given to `with()` and `withCallOptions()`, which have checked them; undefined without them. The routine's timeout
   * is in `definition`.
   */
  readonly options: IdempotentCallOptions | undefined;
  /** Those of the block around the call, which the calls nested in it have as well, apart from `pool`, `retry` and `hedge`. Default: none. */
  readonly block?: IdempotentCallOptions | undefined;
  /** The task that makes the call. */
  readonly parent: RunningTask | undefined;
  /** The trace context that travels where nobody records the call. Default: that of the task. */
  readonly trace?: TraceContext | undefined;
  /** The uid of the only worker that it may go to. Default: any. */
  readonly only?: string | undefined;
  /** When it was made, on the clock of `performance.now()`, if the dispatcher has put it off. Default: now. */
  readonly sinceMs?: number | undefined;
}

/** A stream that one worker keeps for a task on another one, as that takes it. */
export interface TakeRequest {
  /** The worker that has it. */
  readonly uid: string;
  /** What is shown there. */
  readonly token: string;
  /** The context variables with which its source begins, as the task has them. */
  readonly known: Bindings;
  /** The task. */
  readonly parent: RunningTask;
  /** URL of the module of its routine. */
  readonly module: string | undefined;
  /** Ends the stream. */
  readonly signal: AbortSignal;
}

/** Carries calls to workers. */
export interface Dispatcher {
  /** Calls a function; settles as the function does. */
  call(request: CallRequest): Promise<unknown>;
  /** Calls a generator; nothing is sent before the first step. */
  stream(request: CallRequest): AsyncGenerator<unknown, unknown, unknown>;
  /**
   * Takes a stream. Absent: it takes none.
   *
   * @returns `undefined` if it is not to be had, and provably nobody has been asked for an item.
   * @throws If that is not known.
   */
  take?(request: TakeRequest): Promise<AsyncIterator<unknown> | undefined>;
}

/** A pool or proxy, as `with({ pool })` takes it. */
export interface CallTarget {
  /** The dispatcher of its calls; for the library's own use. */
  readonly dispatcher: Dispatcher;
}
