/**
 * A queue in which no source of values holds up another: of each it takes one in turn, and of one source first in, first
 * out. Values without a source are in a queue of their maker, which counts as one source more.
 */
import { Fifo, type FifoNode } from "../internal/fifo.ts";

/** First in, first out for each source; the sources in turn. */
export class FairQueue<T> {
  readonly #sourceless: Fifo<T>;
  /** The others, by source. Some may be empty, since values can be taken out of their midst. */
  readonly #lanes = new Map<object, Fifo<T>>();
  /** Whether it is the turn of the lanes. */
  #lanesNext = false;

  /** @param sourceless Values without a source, which others put there and this one takes out. */
  constructor(sourceless: Fifo<T>) {
    this.#sourceless = sourceless;
  }

  /** Whether nothing is queued. */
  get empty(): boolean {
    if (this.#sourceless.size > 0) return false;
    if (this.#lanes.size === 0) return true;
    for (const lane of this.#lanes.values()) if (lane.size > 0) return false;
    return true;
  }

  /** Puts a value behind those of its source. The node serves to remove it later. */
  push(value: T, source: object): FifoNode<T> {
    let lane = this.#lanes.get(source);
    if (lane === undefined) {
      lane = new Fifo();
      this.#lanes.set(source, lane);
    }
    return lane.push(value);
  }

  /** Takes out the value whose turn it is; undefined when there is none. */
  shift(): T | undefined {
    if (this.#lanes.size === 0) return this.#sourceless.shift();
    const own = this.#lanesNext ? undefined : this.#sourceless.shift();
    this.#lanesNext = !this.#lanesNext;
    return own ?? this.#shiftLane() ?? this.#sourceless.shift();
  }

  #shiftLane(): T | undefined {
    for (const [source, lane] of this.#lanes) {
      this.#lanes.delete(source);
      const value = lane.shift();
      if (value === undefined) continue;
      if (lane.size > 0) this.#lanes.set(source, lane); // behind the others
      return value;
    }
    return undefined;
  }
}
