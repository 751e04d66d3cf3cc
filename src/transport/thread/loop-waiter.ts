/** Waits for rings in a thread whose event loop must always be free to turn: that of the program. */
import { Patience } from "../../internal/patience.ts";
import { RingWaiter } from "./ring-waiter.ts";
import { createSleepMemory } from "./sleep-word.ts";

/** How long one wait may keep the loop turning. A short call is back within a quarter of it. */
const WINDOW_MS = 0.08;

/** Keeps the loop turning for a moment, if that has been paying. */
export class LoopWaiter extends RingWaiter {
  readonly #patience = new Patience();
  #waiting = false;
  #untilMs = 0;

  constructor() {
    super(createSleepMemory());
  }

  expect(): void {
    if (!this.#patience.tries()) return;
    this.#waiting = true;
    this.#untilMs = performance.now() + WINDOW_MS;
    this.wakeUp();
  }

  arrived(): void {
    if (!this.#waiting) return;
    this.#waiting = false;
    this.#patience.paid();
  }

  protected pause(): boolean {
    if (!this.#waiting) return false;
    if (performance.now() < this.#untilMs) return true;
    this.#waiting = false;
    this.#patience.wasted();
    return false;
  }
}
