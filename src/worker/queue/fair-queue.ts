/**
 * A queue in which no source of values holds up another: which source is next says a `FairClock`, and of one source the
 * next one by its priority. Values without a source are in a queue of their maker, and alternate with the others.
 */
import { FairClock, Standing } from "../../internal/fair-clock.ts";
import { PriorityQueue, type Queued } from "../../internal/queue/priority-queue.ts";

/** The values of one source. */
class Lane<T extends Queued> extends Standing {
  readonly values = new PriorityQueue<T>();
}

/** A queue for each source; the sources by the time that they take. */
export class FairQueue<T extends Queued> {
  readonly #sourceless: PriorityQueue<T>;
  /**
   * The others, by source, and of those that stand together the one first whose turn is longest ago. Some are empty: what
   * they have taken counts until the others have as much.
   */
  readonly #lanes = new Map<object, Lane<T>>();
  readonly #clock = new FairClock();
  /** Whether it is the turn of the lanes. */
  #lanesNext = false;
  /** Whether the value taken last went past another one of its source that had waited longer. */
  overtook = false;

  /** @param sourceless Values without a source, which others put there and this one takes out. */
  constructor(sourceless: PriorityQueue<T>) {
    this.#sourceless = sourceless;
  }

  /** Whether nothing is queued. */
  get empty(): boolean {
    if (this.#sourceless.size > 0) return false;
    for (const { values } of this.#lanes.values()) if (values.size > 0) return false;
    return true;
  }

  /** Puts a value behind those of its source. */
  push(value: T, source: object): void {
    let lane = this.#lanes.get(source);
    if (lane === undefined) {
      lane = new Lane();
      this.#lanes.set(source, lane);
    }
    if (lane.values.size === 0) this.#clock.join(lane);
    lane.values.push(value);
  }

  /** Takes out the value whose turn it is; undefined when there is none. */
  shift(): T | undefined {
    if (this.#lanes.size === 0) return this.#shiftOf(this.#sourceless);
    const own = this.#lanesNext ? undefined : this.#shiftOf(this.#sourceless);
    this.#lanesNext = !this.#lanesNext;
    return own ?? this.#shiftLane() ?? this.#shiftOf(this.#sourceless);
  }

  /** What the value of a source that has had its turn took of everybody's time. */
  charge(source: object, tookMs: number): void {
    const lane = this.#lanes.get(source);
    if (lane === undefined) return;
    this.#clock.charge(lane, tookMs);
    this.#lanes.delete(source);
    this.#lanes.set(source, lane); // behind those that stand where it does now
  }

  #shiftOf(queue: PriorityQueue<T>): T | undefined {
    const value = queue.shift();
    this.overtook = queue.overtook;
    return value;
  }

  #shiftLane(): T | undefined {
    let next: Lane<T> | undefined;
    for (const [source, lane] of this.#lanes) {
      if (lane.values.size > 0) {
        if (next === undefined || lane.afterMs < next.afterMs) next = lane;
      } else if (this.#clock.isEven(lane)) {
        this.#lanes.delete(source);
      }
    }
    if (next === undefined) return undefined;
    this.#clock.begin(next);
    return this.#shiftOf(next.values);
  }
}
