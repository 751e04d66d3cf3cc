/** The types that make a routine keep the call signature of the function it was made from. */

import type { CallOptions, IdempotentCallOptions } from "../context/dispatcher.ts";
import type { AllowedPeers } from "../credentials/peers/allowed-peers.ts";
import type { RepeatOptions } from "../identity/repeat-options.ts";

/** Any function that can become a routine. */
export type RoutineBody = (...parameters: never[]) => unknown;

/** What a routine answers with. */
type Answer = Promise<unknown> | AsyncGenerator<unknown, unknown, never>;

/** A method that a decorator can make a routine of: its type stays what it is. */
export type MethodBody = (...parameters: never[]) => Answer;

/**
 * The call signature of a routine: exactly the function's own when it is asynchronous (generics and
 * overloads included); otherwise its parameters, with the result in a `Promise` or an `AsyncGenerator`.
 */
export type RoutineCall<F extends RoutineBody> =
  IsAny<ReturnType<F>> extends true
    ? CallOfUnknownResult<F>
    : [ReturnType<F>] extends [never]
      ? OwnCall<F, Promise<never>>
      : ReturnType<F> extends Answer
        ? F
        : ReturnType<F> extends Generator<infer Y, infer R, infer N>
          ? OwnCall<F, AsyncGenerator<Awaited<Y>, R, N>>
          : OwnCall<F, Promise<Awaited<ReturnType<F>>>>;

/** The parameters of a function, and another result. */
type OwnCall<F extends RoutineBody, Result> = (
  this: ThisParameterType<F>,
  ...parameters: Parameters<F>
) => Result;

/** For `any`, and where the compiler says so for a result that depends on type parameters: `T[K]`, a promise of it. */
type CallOfUnknownResult<F extends RoutineBody> = F extends (...parameters: never[]) => Nothing
  ? OwnCall<F, Promise<ReturnType<F>>>
  : F extends (...parameters: never[]) => Answer
    ? F
    : F extends (...parameters: never[]) => Generator<infer Y, infer R, infer N>
      ? OwnCall<F, AsyncGenerator<Awaited<Y>, R, N>>
      : OwnCall<F, Promise<unknown>>;

type IsAny<T> = 0 extends 1 & T ? true : false;

/** What only `any` and `never` can be assigned to. */
interface Nothing {
  readonly [nothing]: never;
}
declare const nothing: unique symbol;

/** What every routine offers beside its call. */
export interface RoutineMembers<F extends RoutineBody> {
  /** Identity under which workers find it: `<package>/<module>#<name>`. */
  readonly id: string;
  /**
   * Gives the routine bound to options, for one call or several. A bad option rejects the call.
   *
   * @param options Signal, timeouts, tag, pool and more; see {@link CallOptions}.
   * @example
   * await add.with({ timeout: 500 })(1, 2);
   */
  with(options: CallOptions): RoutineCall<F>;
  /** The body itself: runs here, in this process, without a pool, and answers as it was written. */
  readonly local: F;
}

/** A function or generator that runs on a pool of workers. */
export type Routine<F extends RoutineBody> = RoutineCall<F> & RoutineMembers<F>;

/** What a routine offers beside its call that is declared with `idempotent: true`. */
export interface IdempotentRoutineMembers<F extends RoutineBody> extends RoutineMembers<F> {
  /**
   * Gives the routine bound to options, for one call or several. A bad option rejects the call.
   *
   * @param options Those of any call, and how it is repeated; see {@link IdempotentCallOptions}.
   * @example
   * const price = routine(async (article: string) => article.length, { name: "price", idempotent: true });
   * await price.with({ retry: { attempts: 5 } })("tea");
   */
  with(options: IdempotentCallOptions): RoutineCall<F>;
}

/** A function that runs on a pool of workers, and may run several times for one call. */
export type IdempotentRoutine<F extends RoutineBody> = RoutineCall<F> & IdempotentRoutineMembers<F>;

/** What only a body that answers once can be assigned to: what a generator has yielded cannot be taken back. */
export type AnswersOnce<F extends RoutineBody> =
  ReturnType<F> extends Generator<unknown, unknown, never> | AsyncGenerator<unknown, unknown, never>
    ? never
    : unknown;

/** How a routine is declared whose body may run several times for one call. */
export interface IdempotentRoutineOptions
  extends RepeatOptions,
    Omit<RoutineOptions, "idempotent" | "retry" | "hedge"> {
  /**
   * That its body may run twice, in part or whole, also at the same time, with no other effect than to run once. Only then
   * may its calls be told to `retry` and to `hedge`; by itself it changes nothing.
   */
  readonly idempotent: true;
}

/** How a routine is declared. */
export interface RoutineOptions {
  /** Name within the module. Default: the function's own name. */
  readonly name?: string | undefined;
  /** The declaring module, as `import.meta.url`. Default: found from the call site. */
  readonly module?: string | URL | undefined;
  /** The whole identity, in place of one made from module and name. */
  readonly id?: string | undefined;
  /** Default budget of each call, in milliseconds; > 0. A call's own `timeout` takes its place. */
  readonly timeout?: number | undefined;
  /** Default budget of its body alone, in milliseconds from when it begins; > 0. A call's own `runTimeout` takes its place. */
  readonly runTimeout?: number | undefined;
  /**
   * How many of its bodies one worker runs at a time; an integer from 1. A worker that runs so many refuses further
   * calls, which wait in the pool, or go to another worker. A nested call does not wait: it fails if all refuse it.
   * Default: any number.
   */
  readonly limit?: number | undefined;
  /** Whether its body may run several times for one call; see {@link IdempotentRoutineOptions}. Default false. */
  readonly idempotent?: false | undefined;
  /** For idempotent routines only. */
  readonly retry?: undefined;
  /** For idempotent routines only. */
  readonly hedge?: undefined;
  /**
   * What a body holds of its worker's resources while it runs, as `{ gpu: 1 }`: amounts above 0, with three decimals at
   * most. Calls go to workers that have so much, and wait until it is free there; see docs/queues.md. Default: nothing.
   */
  readonly needs?: Readonly<Record<string, number>> | undefined;
  /**
   * Which callers of the network may call it, in a worker that serves it there: identities of their certificates, with
   * patterns, or a function that decides. It does not concern callers of the worker's own user on its host. Default:
   * all that the worker lets in, as far as its rules do.
   */
  readonly allow?: AllowedPeers | undefined;
  /**
   * Whether it is meant that an async body which calls itself, by the name of its function, stays in the body. Default
   * false: in development such a routine is told of in a warning, `MERINO_LOCAL_RECURSION`.
   */
  readonly localRecursion?: boolean | undefined;
}
