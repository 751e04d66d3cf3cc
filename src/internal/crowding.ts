/**
 * Knows whether more threads want to run than there are processors. Whoever waits awake then keeps the one from running
 * for whom it waits, and is itself put back for it. It shows in how often the system takes a processor from a thread of this
 * process: in the midst of a wait, or again and again.
 */

/** No step of a wait takes so long by itself. */
const LOST_MS = 0.15;
/** How often the count is looked at, which takes 2 µs, and from which rate on it is many. */
const LOOK_MS = 5;
const MANY_PER_MS = 1;
/** After so long without a look the rate says nothing of now. */
const FORGET_MS = 100;
/** How long nobody waits awake after the first time; then twice as long each time that it happens again soon. */
const FIRST_REST_MS = 5;
const LAST_REST_MS = 640;

/** What a thread has learned of the processors. */
export class Crowding {
  readonly #switches: () => number;
  #switched: number;
  #lookedMs = 0;
  #restMs = FIRST_REST_MS;
  #untilMs = 0;

  /**
   * @param switches How often the system has taken a processor from a thread of this process; 0 where it does not count. A
   *   parameter for tests.
   */
  constructor(switches: () => number = involuntarySwitches) {
    this.#switches = switches;
    this.#switched = switches();
  }

  /** Whether nobody is to wait awake for now. */
  rests(nowMs: number): boolean {
    if (nowMs < this.#untilMs) return true;
    const passedMs = nowMs - this.#lookedMs;
    if (passedMs < LOOK_MS) return false;
    const count = this.#count(nowMs);
    if (passedMs > FORGET_MS + this.#restMs || count < MANY_PER_MS * passedMs) return false;
    this.#rest(nowMs);
    return true;
  }

  /**
   * One step of a wait awake has been made.
   *
   * @returns Whether the processor was lost in it.
   */
  stepped(fromMs: number, nowMs: number): boolean {
    if (nowMs - fromMs < LOST_MS) return false;
    // What took the time may have been garbage, or something else in the loop.
    if (this.#count(nowMs) === 0 && this.#switched !== 0) return false;
    this.#rest(nowMs);
    return true;
  }

  #count(nowMs: number): number {
    const switched = this.#switches();
    const count = switched - this.#switched;
    this.#switched = switched;
    this.#lookedMs = nowMs;
    return count;
  }

  #rest(nowMs: number): void {
    const isNew = nowMs - this.#untilMs > 4 * this.#restMs;
    this.#restMs = isNew ? FIRST_REST_MS : Math.min(LAST_REST_MS, 2 * this.#restMs);
    this.#untilMs = nowMs + this.#restMs;
  }
}

function involuntarySwitches(): number {
  return process.resourceUsage().involuntaryContextSwitches;
}

/** Of this thread. */
export const crowding: Crowding = new Crowding();
