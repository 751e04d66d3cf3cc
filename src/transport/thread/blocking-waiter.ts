/**
 * Waits for rings in a thread that has nothing else to do between tasks: awake for a moment, then asleep within its
 * turn of the loop, which is woken sooner, and at less cost, than a loop that sleeps. Whatever else the loop is there for
 * waits meanwhile, so that it does this only where there is nothing else, as far as Node shows that, and not for long.
 */
import { Patience } from "../../internal/patience.ts";
import { RingWaiter } from "./ring-waiter.ts";

/** How long it waits awake: what the caller of one short call after the other needs to make the next one. */
const SPIN_MS = 0.03;

/** How long the thread is held at a time: so late at most is what Node does not show, such as unreferenced timers. */
const HOLD_MS = 20;

/** A thread without a task for so long sleeps by its loop. */
const BUSY_MS = 100;

/** What the event loop of a worker has while nothing is under way: its parent, and the socket on which it listens. */
const OWN_RESOURCES: readonly string[] = ["MessagePort", "PipeWrap"];

/** Holds the thread while it has nothing to do. */
export class BlockingWaiter extends RingWaiter {
  readonly #patience = new Patience({ firstPause: 1, lastPause: 4 });
  #idle = false;
  #idleSinceMs = 0;
  #callerSlept = true;

  sent(peerSlept: boolean): void {
    this.#callerSlept = peerSlept;
  }

  expect(): void {
    this.#idle = true;
    this.#idleSinceMs = performance.now();
    this.wakeUp();
  }

  arrived(): void {
    this.#idle = false;
  }

  protected pause(): boolean {
    if (!this.#idle || hasResources()) return false;
    return this.#spin() || this.#hold();
  }

  /** Returns whether something has come meanwhile. */
  #spin(): boolean {
    // One who sleeps needs longer than that to make another call.
    if (this.#callerSlept || !this.#patience.tries()) return false;
    const untilMs = performance.now() + SPIN_MS;
    do {
      if (!this.pending) continue;
      this.#patience.paid();
      return true;
    } while (performance.now() < untilMs);
    this.#patience.wasted();
    return false;
  }

  /** Returns whether the loop is to turn: something may have come by whatever way. */
  #hold(): boolean {
    this.word.fallAsleep();
    if (!this.pending) this.word.hold(HOLD_MS);
    this.word.stayAwake();
    return performance.now() - this.#idleSinceMs < BUSY_MS;
  }
}

/** Whether the loop has something of the user's, or of callers on other ways. */
function hasResources(): boolean {
  const resources = process.getActiveResourcesInfo();
  if (resources.length > OWN_RESOURCES.length) return true;
  return resources.some((resource, at) => resource !== OWN_RESOURCES[at]);
}
