/** Waits for rings in a thread whose event loop must always be free to turn: that of the program. */
import { Patience } from "../../internal/patience.ts";
import { RingWaiter } from "./ring-waiter.ts";
import { createSleepMemory } from "./sleep-word.ts";

/** How long the loop may be kept turning for a worker that is awake: several times what a short call takes. */
const WARM_MS = 0.04;
/**
 * How long for one that had to be woken, which takes up to 0.1 ms. That is longer than it takes to sleep and be woken,
 * and pays only by what follows: the worker finds its caller awake, and stays so for the next call.
 */
const COLD_MS = 0.08;

/** A wait that does not pay delays the one who is waited for, where there is no processor left: it must be rare then. */
const LEARNED = { firstPause: 1, lastPause: 128 };

/** Keeps the loop turning for a moment, if that has been paying. */
export class LoopWaiter extends RingWaiter {
  readonly #warm = new Patience(LEARNED);
  readonly #cold = new Patience(LEARNED);
  /** Told that an answer will come to what is about to be sent. */
  #expecting = false;
  /** For what the loop is kept turning. */
  #waiting: "warm" | "cold" | undefined;
  /** A worker was waited for that had to be woken, and it is not known yet whether that has paid. */
  #owing = false;
  #untilMs = 0;

  constructor() {
    super(createSleepMemory());
  }

  expect(): void {
    this.#expecting = true;
  }

  sent(asleep: boolean): void {
    if (!this.#expecting) return;
    this.#expecting = false;
    if (this.#owing) {
      this.#owing = false;
      if (asleep) this.#cold.wasted();
      else this.#cold.paid();
    }
    if (!(asleep ? this.#cold : this.#warm).tries()) return;
    this.#waiting = asleep ? "cold" : "warm";
    this.#owing = asleep;
    this.#untilMs = performance.now() + (asleep ? COLD_MS : WARM_MS);
    this.wakeUp();
  }

  arrived(): void {
    if (this.#waiting === "warm") this.#warm.paid();
    this.#waiting = undefined;
  }

  protected pause(): boolean {
    if (this.#waiting === undefined) return false;
    if (performance.now() < this.#untilMs) return true;
    if (this.#waiting === "warm") this.#warm.wasted();
    this.#waiting = undefined;
    return false;
  }
}
