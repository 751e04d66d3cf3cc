/**
 * Waits for all rings of one thread at once. It turns the event loop as long as something comes, and then sleeps by a
 * promise, which leaves the loop to everything else. How the thread waits awake before that is up to `loop-waiter.ts` and
 * `blocking-waiter.ts`.
 */
import { AsyncResource } from "node:async_hooks";
import type { Spinner } from "../../internal/loop-spinner.ts";
import { SleepWord } from "./sleep-word.ts";

/** What is waited for. */
export interface Waited {
  /** Whether something has come. */
  readonly pending: boolean;
  /** Takes what has come. */
  take(): void;
}

/** Waits for carriers, and is told by them. */
export interface CarrierWaiter extends Spinner {
  /** Waits for one more. */
  add(waited: Waited): void;
  /** Waits for it no more. */
  remove(waited: Waited): void;
  /** Something has been sent, whose receiver slept, or did not. */
  sent(peerSlept: boolean): void;
}

/** Waits, in one thread. */
export abstract class RingWaiter implements CarrierWaiter {
  /** By which this thread is woken. */
  readonly memory: SharedArrayBuffer;
  protected readonly word: SleepWord;
  readonly #waited: Waited[] = [];
  /** What comes is taken in these, not in those of whichever call came first. */
  readonly #surroundings = new AsyncResource("MerinoRings", { requireManualDestroy: true });
  #awake = true;
  #turning = false;
  /** There is a promise that has not been kept. */
  #promised = false;

  readonly #turn = (): void => {
    this.#turning = false;
    let more = true; // also when what takes it throws, which is a fault: the other calls must not hang for it
    try {
      more = this.#takeAll() || this.pause();
    } finally {
      if (more) this.#turnAgain();
      else this.#sleep();
    }
  };

  readonly #woken = (): void => {
    this.#promised = false;
    if (!this.#turning) this.#turn();
  };

  /** @param memory From `createSleepMemory`. */
  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.word = new SleepWord(memory);
  }

  abstract sent(peerSlept: boolean): void;

  abstract expect(): void;
  abstract arrived(): void;

  /**
   * Nothing has come: waits awake, or not.
   *
   * @returns Whether to look again in the next turn of the loop; otherwise the thread sleeps.
   */
  protected abstract pause(): boolean;

  add(waited: Waited): void {
    this.#waited.push(waited);
    this.wakeUp();
  }

  remove(waited: Waited): void {
    const at = this.#waited.indexOf(waited);
    if (at !== -1) this.#waited.splice(at, 1);
  }

  /** Looks in the next turn of the loop, and does not sleep before. */
  protected wakeUp(): void {
    if (!this.#turning) this.#surroundings.runInAsyncScope(this.#turnAgain, this);
  }

  protected get pending(): boolean {
    for (const waited of this.#waited) if (waited.pending) return true;
    return false;
  }

  #takeAll(): boolean {
    let taken = false;
    const all = this.#waited;
    for (let at = all.length - 1; at >= 0; at--) {
      const waited = all[at];
      if (waited?.pending !== true) continue;
      taken = true;
      waited.take();
    }
    return taken;
  }

  #turnAgain(): void {
    if (this.#turning) return; // what came has caused it
    this.#turning = true;
    if (!this.#awake) {
      this.#awake = true;
      this.word.stayAwake();
    }
    setImmediate(this.#turn);
  }

  #sleep(): void {
    this.#awake = false;
    this.word.fallAsleep();
    if (this.pending) return this.#turnAgain();
    if (this.#promised) return; // it is kept when the thread is woken
    const promise = this.word.woken();
    if (promise === undefined) return this.#turnAgain();
    this.#promised = true;
    void promise.then(this.#woken);
  }
}
