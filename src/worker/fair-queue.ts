/**
 * A queue in which no source of values holds up another: next is the one that will have taken the least time after its
 * turn, as far as its last one tells, and of one source first in, first out. So a source that takes little waits for no
 * more than the turn of another, however many there are. Values without a source are in a queue of their maker, and
 * alternate with the others.
 */
import { Fifo, type FifoNode } from "../internal/fifo.ts";

/** So much every turn counts at least: those that take no time worth mentioning take turns. */
const LEAST_MS = 0.001;

/** The values of one source. */
class Lane<T> {
  readonly values = new Fifo<T>();
  /** Where it stands on the queue's clock: the one that has taken the least time is the farthest behind. */
  takenMs: number;
  /** What its last turn took, which the next one probably takes. */
  turnMs = 0;

  constructor(takenMs: number) {
    this.takenMs = takenMs;
  }
}

/** First in, first out for each source; the sources by the time that they take. */
export class FairQueue<T> {
  readonly #sourceless: Fifo<T>;
  /**
   * The others, by source, and of those that stand together the one first whose turn is longest ago. Some are empty: what
   * they have taken counts until the others have as much.
   */
  readonly #lanes = new Map<object, Lane<T>>();
  /** Where the one stood whose turn was last: who comes now begins there, whatever it has not used before. */
  #clockMs = 0;
  /** Whether it is the turn of the lanes. */
  #lanesNext = false;

  /** @param sourceless Values without a source, which others put there and this one takes out. */
  constructor(sourceless: Fifo<T>) {
    this.#sourceless = sourceless;
  }

  /** Whether nothing is queued. */
  get empty(): boolean {
    if (this.#sourceless.size > 0) return false;
    for (const { values } of this.#lanes.values()) if (values.size > 0) return false;
    return true;
  }

  /** Puts a value behind those of its source. The node serves to remove it later. */
  push(value: T, source: object): FifoNode<T> {
    let lane = this.#lanes.get(source);
    if (lane === undefined) {
      lane = new Lane(this.#clockMs);
      this.#lanes.set(source, lane);
    } else if (lane.values.size === 0 && lane.takenMs < this.#clockMs) {
      lane.takenMs = this.#clockMs;
    }
    return lane.values.push(value);
  }

  /** Takes out the value whose turn it is; undefined when there is none. */
  shift(): T | undefined {
    if (this.#lanes.size === 0) return this.#sourceless.shift();
    const own = this.#lanesNext ? undefined : this.#sourceless.shift();
    this.#lanesNext = !this.#lanesNext;
    return own ?? this.#shiftLane() ?? this.#sourceless.shift();
  }

  /** What the value of a source that has had its turn took of everybody's time. */
  charge(source: object, tookMs: number): void {
    const lane = this.#lanes.get(source);
    if (lane === undefined) return;
    lane.turnMs = Math.max(LEAST_MS, tookMs);
    lane.takenMs += lane.turnMs;
    this.#lanes.delete(source);
    this.#lanes.set(source, lane); // behind those that stand where it does now
  }

  #shiftLane(): T | undefined {
    let next: Lane<T> | undefined;
    let leastMs = Number.POSITIVE_INFINITY;
    for (const [source, lane] of this.#lanes) {
      if (lane.values.size > 0) {
        const afterMs = lane.takenMs + lane.turnMs;
        if (afterMs < leastMs) {
          next = lane;
          leastMs = afterMs;
        }
      } else if (lane.takenMs <= this.#clockMs) {
        this.#lanes.delete(source);
      }
    }
    if (next === undefined) return undefined;
    this.#clockMs = next.takenMs;
    return next.values.shift();
  }
}
