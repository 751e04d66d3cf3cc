/** Waits for rings in a thread whose event loop must always be free to turn: that of the program. */
import { type Crowding, crowding } from "../../internal/crowding.ts";
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

/** How long for the record that follows something beside it: several times what its sender needs to write that. */
const BESIDE_MS = 0.04;

/** A wait that does not pay delays the one who is waited for, where there is no processor left: it must be rare then. */
const LEARNED = { firstPause: 1, lastPause: 128 };

/** Keeps the loop turning for a moment, if that has been paying. */
export class LoopWaiter extends RingWaiter {
  readonly #crowding: Crowding;
  readonly #now: () => number;
  readonly #warm = new Patience(LEARNED);
  readonly #cold = new Patience(LEARNED);
  readonly #beside = new Patience(LEARNED);
  /** Of another look at the rings before the thread sleeps: where many calls are under way, there is always something. */
  readonly #again = new Patience(LEARNED);
  /** This turn of the loop is for another look. */
  #looksAgain = false;
  /** Told that an answer will come to what is about to be sent. */
  #expecting = false;
  /** For what the loop is kept turning. */
  #waiting: "warm" | "cold" | "beside" | undefined;
  /** A worker was waited for that had to be woken, and it is not known yet whether that has paid. */
  #owing = false;
  #untilMs = 0;
  /** When the loop was last seen to turn while it was kept turning. */
  #turnedMs = 0;

  /** @param options `crowding`, `now`, milliseconds: parameters for tests. */
  constructor(options: { readonly crowding?: Crowding; readonly now?: () => number } = {}) {
    super(createSleepMemory());
    this.#crowding = options.crowding ?? crowding;
    this.#now = options.now ?? (() => performance.now());
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
    const isTried = asleep
      ? this.#wait("cold", this.#cold, COLD_MS)
      : this.#wait("warm", this.#warm, WARM_MS);
    if (!isTried) return;
    this.#owing = asleep;
    this.wakeUp();
  }

  arrived(): void {
    if (this.#waiting === "warm") this.#warm.paid();
    else if (this.#waiting === "beside") this.#beside.paid();
    this.#waiting = undefined;
  }

  override follows(): void {
    if (this.#waiting === undefined) this.#wait("beside", this.#beside, BESIDE_MS);
    super.follows();
  }

  protected goesOn(): boolean {
    if (this.#looksAgain) this.#again.paid();
    this.#looksAgain = this.#again.tries();
    return this.#looksAgain;
  }

  protected pause(): boolean {
    if (this.#looksAgain) {
      this.#looksAgain = false;
      this.#again.wasted();
    }
    if (this.#waiting === undefined) return false;
    const beforeMs = this.#turnedMs;
    this.#turnedMs = this.#now();
    const lost = beforeMs > 0 && this.#crowding.stepped(beforeMs, this.#turnedMs);
    if (this.#turnedMs < this.#untilMs && !lost) return true;
    if (this.#waiting === "warm") this.#warm.wasted();
    else if (this.#waiting === "beside") this.#beside.wasted();
    this.#waiting = undefined;
    return false;
  }

  /** Returns whether the loop is kept turning. */
  #wait(what: "warm" | "cold" | "beside", patience: Patience, windowMs: number): boolean {
    const nowMs = this.#now();
    if (!patience.tries() || this.#crowding.rests(nowMs)) return false;
    this.#waiting = what;
    this.#turnedMs = 0; // until the first turn, code of the user may have the time
    this.#untilMs = nowMs + windowMs;
    return true;
  }
}
