/** Resources that are kept for the calls of whoever has reserved them. */

import { type ReservationCall, reserve } from "../client/call/reservation-call.ts";
import type { CallDispatcher } from "../client/dispatch/call-dispatcher.ts";
import type { Dispatcher } from "../context/dispatcher.ts";
import { runInInnerScope } from "../context/inner-scope.ts";
import { assertDuration, assertInteger, assertKnownOptions, assertSignal } from "../errors/check-options.ts";
import { resolveAmounts } from "../errors/check-resources.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { type ReservationEnd, ReservationLostError } from "../errors/reservation-lost-error.ts";
import { type Resources, resourcesOf } from "../internal/amounts.ts";
import { MAX_TIMER_MS } from "../internal/time/clock.ts";
import { waitedFor } from "../internal/waited-promise.ts";
import type { ReservationEvent } from "./pool-event.ts";

/** For how long resources are reserved, and how long they are waited for. */
export interface ReserveOptions {
  /**
   * For how long at most, in milliseconds from when they are granted; > 0. Workers have a limit of their own, 10 minutes
   * unless their owner says otherwise (`maxReservation`).
   */
  readonly for: number;
  /** Ends the wait; what has been granted stays. Default: none. */
  readonly signal?: AbortSignal | undefined;
  /** How long to wait for them at most, in milliseconds; > 0, `Infinity` for no limit. Default: no limit. */
  readonly timeout?: number | undefined;
  /** As of calls that wait. Default 0. */
  readonly priority?: number | undefined;
}

const RESERVE_OPTIONS: Readonly<Record<keyof ReserveOptions, true>> = {
  for: true,
  signal: true,
  timeout: true,
  priority: true,
};

/**
 * Reserves resources on one worker.
 *
 * @param tell Told that it has been granted, and of its end.
 * @throws As `WorkerPool.reserve`.
 */
export async function reserveResources(
  dispatcher: CallDispatcher,
  resources: unknown,
  options: ReserveOptions,
  tell: (event: ReservationEvent) => void,
): Promise<Reservation> {
  assertKnownOptions(options, RESERVE_OPTIONS);
  const { signal, timeout, priority } = options;
  const { for: timeMs } = options;
  const amounts = resolveAmounts("resources", resources);
  if (amounts === undefined) {
    throw new InvalidOptionError("resources", {
      value: resources,
      expected: "at least one amount, as { gpu: 1 }",
    });
  }
  if (timeMs === undefined)
    throw new InvalidOptionError("for", { value: timeMs, expected: "milliseconds above 0" });
  assertDuration("for", timeMs, { above: 0, most: MAX_TIMER_MS });
  assertDuration("timeout", timeout, { above: 0, absent: "no limit" });
  assertSignal("signal", signal);
  assertInteger("priority", priority, { least: -(2 ** 31), most: 2 ** 31 - 1 });
  const granted = await reserve(dispatcher, {
    amounts,
    timeMs: Math.ceil(timeMs),
    options: { signal, timeout, priority },
  });
  const reservation = new Reservation(dispatcher, granted);
  const { worker, resources: kept } = reservation;
  tell({ type: "reservation-granted", worker, resources: kept });
  void granted.ended.then((end) => tell({ type: "reservation-ended", worker, resources: kept, end }));
  return reservation;
}

/**
 * Resources of one worker, kept for the calls made through it. Given back at the end of the block with `await using`, by
 * `release()`, when its time is over, and with the connection to its worker.
 *
 * @example
 * await using gpu = await pool.reserve({ gpu: 1 }, { for: 60_000 });
 * await gpu.run(() => add(1, 2));
 */
export class Reservation {
  /** The uid of the worker. */
  readonly worker: string;
  /** What is kept. */
  readonly resources: Resources;
  /** Resolves when it has ended, with how. Never rejects. */
  readonly ended: Promise<ReservationEnd>;
  readonly #call: ReservationCall;
  readonly #dispatcher: Dispatcher;
  #controller: AbortController | undefined;

  /** Made by `WorkerPool.reserve`. */
  constructor(dispatcher: CallDispatcher, call: ReservationCall) {
    this.#call = call;
    this.worker = call.uid;
    this.resources = resourcesOf(call.amounts);
    this.ended = waitedFor(call.ended);
    this.#dispatcher = {
      call: (request) => dispatcher.call({ ...request, within: call }),
      stream: (request) => dispatcher.stream({ ...request, within: call }),
    };
  }

  /** Fires when it ends without having been released, with {@link ReservationLostError} as the reason. */
  get signal(): AbortSignal {
    if (this.#controller !== undefined) return this.#controller.signal;
    const controller = new AbortController();
    this.#controller = controller;
    const end = (how: ReservationEnd): void => {
      if (how === "released") return;
      controller.abort(
        new ReservationLostError("The reservation has ended", { end: how, worker: this.worker }),
      );
    };
    if (this.#call.end === undefined) void this.#call.ended.then(end);
    else end(this.#call.end);
    return controller.signal;
  }

  /**
   * Runs `fn` so that calls made in it, and in everything asynchronous it starts, go to the worker of the reservation. What
   * their routines need comes from what is kept. A call after its end rejects with {@link ReservationLostError}.
   *
   * @returns What `fn` returns.
   * @throws {@link InvalidOptionError} if `fn` is not a function.
   */
  run<T>(fn: () => T): T {
    if (typeof fn !== "function") {
      throw new InvalidOptionError("fn", { value: fn, expected: "a function that makes calls" });
    }
    return runInInnerScope({ dispatcher: this.#dispatcher }, fn);
  }

  /** Gives it back. Calls that run go on, and the resources are free once they have ended. Idempotent. */
  release(): void {
    this.#call.release();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.release();
  }
}
