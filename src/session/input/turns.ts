/**
 * When the batches of peers on the network are read: at once, as long as there are few. Beyond a few milliseconds in one turn
 * of the event loop they wait for the next, and each connection goes on for a moment when it is its turn, which a
 * `FairClock` says: none of them keeps the thread from the others, nor do many that send much from one that sends little.
 * It does not read itself.
 */
import { FairClock, type Standing } from "../../internal/fair-clock.ts";
import { ReadingOrder } from "./reading-order.ts";

/** Reading for so long in one turn, for all connections. */
const TURN_MS = 4;
/** How long one connection reads before the next one does. */
const SLICE_MS = 0.25;
/**
 * What a slice counts at most. It ends with the frame that is being read, soon after its time; longer takes a collection of
 * garbage, or another program that has the processor, for which nobody is to stand behind all others.
 */
const MOST_SLICE_MS = 4 * SLICE_MS;

/** A connection that has batches to read. */
export interface InputReader {
  /** Among the others. */
  readonly standing: Standing;
  /**
   * Reads on.
   *
   * @param untilMs When to stop, as `performance.now()` counts.
   * @returns Whether something is left.
   */
  readOn(untilMs: number): boolean;
  /**
   * Everybody has read whose turn it was: bodies may run that have come. Not while anybody reads, who would be charged for
   * the time of other people's bodies, and whose turn would be the only one before the loop turns.
   */
  turnOver(): void;
}

/** The turns of all connections of one thread. */
export class InputTurns {
  /** Those that have something left. */
  readonly #waiting = new ReadingOrder<InputReader>();
  readonly #clock = new FairClock();
  #spentMs = 0;
  #scheduled = false;

  readonly #nextTurn = (): void => {
    this.#scheduled = false;
    this.#spentMs = 0;
    const read = new Set<InputReader>();
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      read.add(next);
      if (this.#read(next)) this.#waiting.add(next);
      if (this.#spentMs >= TURN_MS) break;
    }
    if (!this.#waiting.empty) this.#schedule();
    for (const reader of read) reader.turnOver();
  };

  /**
   * A batch has come for a connection that had none left: it is read now, if it is its turn, and else as soon as it is.
   *
   * @returns Whether something is left for later.
   */
  arrived(reader: InputReader): boolean {
    // Who waits already has its place.
    if (!this.#waiting.has(reader.standing)) this.#clock.join(reader.standing);
    const waits = this.#spentMs >= TURN_MS || this.#isBehind(reader);
    const left = waits || this.#read(reader);
    if (left) this.#waiting.add(reader);
    if (left || this.#spentMs >= TURN_MS) this.#schedule();
    if (!waits) reader.turnOver();
    return left;
  }

  /** A connection is over: nothing of it is to be read. */
  forget(reader: InputReader): void {
    this.#waiting.delete(reader);
  }

  /** Whether it is somebody else's turn first. */
  #isBehind({ standing }: InputReader): boolean {
    const { first } = this.#waiting;
    return first !== undefined && first.afterMs <= standing.afterMs;
  }

  #read(reader: InputReader): boolean {
    const { standing } = reader;
    this.#clock.begin(standing);
    const startMs = performance.now();
    const left = reader.readOn(startMs + SLICE_MS);
    const tookMs = performance.now() - startMs;
    this.#clock.charge(standing, Math.min(tookMs, MOST_SLICE_MS));
    this.#waiting.moved(standing);
    this.#spentMs += tookMs;
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
