/**
 * A call that has not been made, since as many wait as may: its arguments are not encoded, and only its caller's promise
 * waits. Its signal ends it as any other call, and its time runs.
 */

import { TimeoutError } from "../../errors/timeout-error.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import { nextArrival } from "../../internal/queue/arrival.ts";
import type { QueuePlace } from "../../internal/queue/priority-order.ts";
import { leaveQueue } from "../../internal/queue/priority-queue.ts";
import { unwatchSignal, watchSignal } from "../../internal/signal-watch.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import { CallClock, type TimedCall, type TimeLimit } from "../call/call-clock.ts";
import type { PlacedRequest } from "../call/placed-request.ts";
import type { Waiting } from "./call-queue.ts";

/** From the call until it can be made. */
export class HeldCall implements Waiting, TimedCall {
  readonly priority: number;
  readonly arrival: number = nextArrival();
  queuePlace: QueuePlace | undefined;
  /** When the call came, in milliseconds on the clock of `deadlines`. */
  readonly sinceMs: number = deadlines.now();
  /** Resolves when there is a place for it. */
  readonly admitted: Promise<void>;
  readonly request: PlacedRequest;
  readonly #clock: CallClock;
  #resolve!: () => void;
  #reject!: (error: unknown) => void;
  #isOver = false;
  #isCancelled = false;

  constructor(request: PlacedRequest) {
    const { definition, options } = request;
    this.request = request;
    this.priority = options?.priority ?? 0;
    this.admitted = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    keepAlive();
    this.#clock = new CallClock(this, {
      timeoutMs: options?.timeout ?? definition.timeoutMs,
      inheritedMs: undefined,
      dispatchTimeoutMs: options?.dispatchTimeout,
    });
    const { signal } = options ?? {};
    if (signal?.aborted === true) this.abort(signal.reason);
    else if (signal !== undefined) watchSignal(signal, this);
  }

  get rank(): number {
    return this.priority;
  }

  /** Whether it has a place, or has ended. */
  get isOver(): boolean {
    return this.#isOver;
  }

  /** Whether its signal or its time has ended it. */
  get isCancelled(): boolean {
    return this.#isCancelled;
  }

  /** There is a place for it. */
  admit(): void {
    if (this.#isOver) return;
    this.#over();
    this.#resolve();
  }

  abort(reason: unknown): void {
    this.#isCancelled ||= !this.#isOver;
    this.fail(reason);
  }

  /** Ends it for another reason. */
  fail(error: unknown): void {
    if (this.#isOver) return;
    this.#over();
    this.#reject(error);
  }

  expired(limitMs: number, option: TimeLimit): void {
    this.abort(new TimeoutError(this.request.definition.id, { phase: "queued", timeout: limitMs, option }));
  }

  #over(): void {
    this.#isOver = true;
    leaveQueue(this);
    this.#clock.stop();
    const { signal } = this.request.options ?? {};
    if (signal !== undefined) unwatchSignal(signal, this);
    letExit();
  }
}
