/**
 * When the batches of network callers are read: at once, as long as there are few. Beyond a few milliseconds in one turn
 * of the event loop they wait for the next, and each connection goes on for a moment in turn, so that none of them keeps
 * the thread from the others. It does not read itself.
 */

/** Reading for so long in one turn, for all connections. */
const TURN_MS = 4;
/** How long one connection reads before the next one does. */
const SLICE_MS = 0.25;

/** A connection that has batches to read. */
export interface InputReader {
  /**
   * Reads on.
   *
   * @param untilMs When to stop, as `performance.now()` counts.
   * @returns Whether something is left.
   */
  readOn(untilMs: number): boolean;
}

/** The turns of all connections of one thread. */
export class InputTurns {
  /** Those that have something left, the next first. */
  readonly #waiting = new Set<InputReader>();
  #spentMs = 0;
  #scheduled = false;

  readonly #nextTurn = (): void => {
    this.#scheduled = false;
    this.#spentMs = 0;
    for (const reader of this.#waiting) {
      this.#waiting.delete(reader);
      if (this.#read(reader)) this.#waiting.add(reader);
      if (this.#spentMs >= TURN_MS) break;
    }
    if (this.#waiting.size > 0) this.#schedule();
  };

  /**
   * A batch has come for a connection that had none left: it is read now, if it is its turn, and else as soon as it is.
   *
   * @returns Whether something is left for later.
   */
  arrived(reader: InputReader): boolean {
    const left = this.#waiting.size > 0 || this.#spentMs >= TURN_MS || this.#read(reader);
    if (left) this.#waiting.add(reader);
    if (left || this.#spentMs >= TURN_MS) this.#schedule();
    return left;
  }

  /** A connection is over: nothing of it is to be read. */
  forget(reader: InputReader): void {
    this.#waiting.delete(reader);
  }

  #read(reader: InputReader): boolean {
    const startMs = performance.now();
    const left = reader.readOn(startMs + SLICE_MS);
    this.#spentMs += performance.now() - startMs;
    return left;
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(this.#nextTurn);
  }
}

/** Those of this thread. */
export const inputTurns: InputTurns = new InputTurns();
