/**
 * Finds out how much of some pieces of time the engine spent on collecting garbage, which stops the thread for whoever has it
 * just then. The engine tells of it a turn or two of the event loop later.
 */
import { PerformanceObserver } from "node:perf_hooks";

/** A piece of time of this thread, on the clock of `performance.now()`. */
export interface TimedPiece {
  readonly beganMs: number;
  readonly endedMs: number;
  /** Garbage was collected in it for so long; called for each time. */
  paused(ms: number): void;
}

/** So many of the last pieces are remembered: far more than end in two turns of the loop. */
const MOST_PIECES = 64;

/** The pauses of one thread. */
export class CollectionPauses {
  #pieces: TimedPiece[] = [];

  /** A piece of time has ended in this turn of the loop: what was collected in it is told as soon as that is known. */
  watch(piece: TimedPiece): void {
    if (this.#pieces.length === MOST_PIECES) this.#pieces = this.#pieces.slice(MOST_PIECES / 2);
    this.#pieces.push(piece);
  }

  /** Garbage was collected. */
  collected(beganMs: number, endedMs: number): void {
    for (const piece of this.#pieces) {
      const pausedMs = Math.min(endedMs, piece.endedMs) - Math.max(beganMs, piece.beganMs);
      if (pausedMs > 0) piece.paused(pausedMs);
    }
  }
}

let ofThread: CollectionPauses | undefined;

/** Those of this thread, of which the engine tells from the first call on. */
export function collectionPauses(): CollectionPauses {
  if (ofThread !== undefined) return ofThread;
  const pauses = new CollectionPauses();
  const observer = new PerformanceObserver((list) => {
    for (const { startTime, duration } of list.getEntries())
      pauses.collected(startTime, startTime + duration);
  });
  observer.observe({ type: "gc" });
  ofThread = pauses;
  return pauses;
}
