/** Runs a routine once on every worker of a pool. */
import type { WorkerProxy } from "../client/worker-proxy.ts";
import type { CallRequest } from "../context/dispatcher.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { pause } from "../internal/time/wait.ts";
import { routineCall } from "../routine/routine-call.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { mapCalls } from "./map-calls.ts";

/** What became of a routine on one worker, in the form of `Promise.allSettled`. */
export type EachResult<R> = PromiseSettledResult<R> & {
  /** The worker's record. */
  readonly worker: WorkerMetadata;
};

/** The pool, for a routine that is run on each of its workers. */
export interface EachPool {
  readonly proxy: WorkerProxy;
  /** Why it takes no calls now, if it takes none. */
  readonly refusal: () => Error | undefined;
}

/** Calls that go to all workers of a pool. */
export class EachWorker {
  readonly #pool: EachPool;
  readonly #waiting = new Set<AbortController>();

  constructor(pool: EachPool) {
    this.#pool = pool;
  }

  /** A worker can be called, or none will be: nobody waits for one any more. */
  wake(): void {
    for (const waiting of this.#waiting) waiting.abort();
  }

  /** See `WorkerPool.each`. */
  run(fn: unknown, parameters: readonly unknown[]): AsyncGenerator<EachResult<unknown>, void, void> {
    const request = this.#requestOf(fn, parameters);
    const own = request.options?.signal;
    const call = async (worker: WorkerMetadata, ended: AbortSignal): Promise<EachResult<unknown>> => {
      const signal = own === undefined ? ended : AbortSignal.any([own, ended]);
      const options = { ...request.options, signal };
      try {
        const { dispatcher } = this.#pool.proxy;
        const value = await dispatcher.call({ ...request, options, only: worker.uid });
        return { worker, status: "fulfilled", value };
      } catch (reason) {
        return { worker, status: "rejected", reason };
      }
    };
    const { refusal } = this.#pool;
    return mapCalls(call, this.#workers(own), {
      concurrency: Number.POSITIVE_INFINITY,
      ordered: false,
      signal: undefined,
      refusal,
    });
  }

  #requestOf(fn: unknown, parameters: readonly unknown[]): CallRequest {
    const request = typeof fn === "function" ? routineCall(fn, parameters) : undefined;
    if (request === undefined) {
      throw new InvalidOptionError("fn", {
        value: fn,
        expected: "a routine of a function, or one bound to options by with()",
        advice: "Methods of objects are not called on each worker",
      });
    }
    const { definition, options } = request;
    if (definition.kind === "generator") {
      throw new InvalidOptionError("fn", {
        value: fn,
        expected: "a routine of a function, and not of a generator",
        advice: "Have it return its values as an array",
      });
    }
    const { proxy } = this.#pool;
    if (options?.pool !== undefined && options.pool.dispatcher !== proxy.dispatcher) {
      throw new InvalidOptionError("pool", {
        value: options.pool,
        expected: "the pool whose workers are called",
      });
    }
    return request;
  }

  /** All that are ready now. Without one, the first to come is waited for, as by any call. */
  async *#workers(signal: AbortSignal | undefined): AsyncGenerator<WorkerMetadata, void, void> {
    const { proxy, refusal } = this.#pool;
    const error = refusal();
    if (error !== undefined) throw error;
    void proxy.dispatcher; // has it look for workers, if it is yet to begin
    if (proxy.readyWorkers.length === 0) await this.#arrivalOrEnd(signal);
    if (proxy.readyWorkers.length === 0) throw refusal() ?? proxy.nobodyThere();
    yield* proxy.readyWorkers;
  }

  async #arrivalOrEnd(signal: AbortSignal | undefined): Promise<void> {
    const arrival = new AbortController();
    this.#waiting.add(arrival);
    keepAlive();
    try {
      const either = signal === undefined ? arrival.signal : AbortSignal.any([signal, arrival.signal]);
      await pause(this.#pool.proxy.quorumTimeout, either);
      signal?.throwIfAborted();
    } finally {
      letExit();
      this.#waiting.delete(arrival);
    }
  }
}
