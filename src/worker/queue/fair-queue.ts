/**
 * A queue in which no source of values holds up another: which source is next says a `FairClock`, and of one source the
 * next one by its priority. Values without a source are in a queue of their maker, and alternate with the others.
 */
import { FairClock, Standing } from "../../internal/fair-clock.ts";
import { PriorityQueue, type Queued } from "../../internal/queue/priority-queue.ts";

/** A value of a source. */
export interface Readable extends Queued {
  /** Bytes that are read first when its turn comes. */
  readonly unreadBytes: number;
}

/** From here on reading may take longer than whatever follows. */
const MANY_BYTES = 16 * 1024;
/** What reading a byte takes of a source that is not known yet: as long as that of the dearest values. */
const DEAREST_MS_PER_BYTE = 0.000_05;

/** The values of one source. */
class Lane<T extends Readable> extends Standing {
  readonly values = new PriorityQueue<T>();
  /** What a byte has taken of those of its values that had many; a cheap one takes back half of it. */
  #msPerByte = DEAREST_MS_PER_BYTE;
  /** What there was to read in its last turn. */
  #readBytes = 0;

  /**
   * Where it will stand after its next turn. What that takes is known of its last one; but one that has brought little so
   * far, or nothing, may bring much now, and so may a hundred others beside it, behind all of whom others would wait.
   */
  get standsNext(): number {
    const unreadBytes = this.values.peek()?.unreadBytes ?? 0;
    if (unreadBytes < MANY_BYTES) return this.afterMs;
    return this.takenMs + Math.max(this.turnMs, unreadBytes * this.#msPerByte);
  }

  /** Its turn has taken so long, and has read so much. */
  note(tookMs: number, readBytes: number): void {
    this.#readBytes = readBytes;
    if (readBytes >= MANY_BYTES) this.#msPerByte = Math.max(tookMs / readBytes, this.#msPerByte / 2);
  }

  /** Of what its last turn is said to have taken, so much was not its own. */
  giveBack(ms: number): void {
    this.takenMs -= ms;
    const turnMs = this.turnMs - ms;
    if (turnMs < 0) return; // of the one before
    if (this.#msPerByte === this.turnMs / this.#readBytes) this.#msPerByte = turnMs / this.#readBytes;
    this.turnMs = turnMs;
  }
}

/** A queue for each source; the sources by the time that they take. */
export class FairQueue<T extends Readable> {
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

  /**
   * The value of a source has had its turn.
   *
   * @param tookMs What it took of everybody's time.
   * @param readBytes What there was to read of it.
   */
  charge(source: object, tookMs: number, readBytes: number): void {
    const lane = this.#lanes.get(source);
    if (lane === undefined) return;
    lane.note(tookMs, readBytes);
    this.#clock.charge(lane, tookMs);
    this.#lanes.delete(source);
    this.#lanes.set(source, lane); // behind those that stand where it does now
  }

  /** Of what a source was charged with lately, so much was not its own. */
  giveBack(source: object, ms: number): void {
    this.#lanes.get(source)?.giveBack(ms);
  }

  #shiftOf(queue: PriorityQueue<T>): T | undefined {
    const value = queue.shift();
    this.overtook = queue.overtook;
    return value;
  }

  #shiftLane(): T | undefined {
    let next: Lane<T> | undefined;
    let least = Number.POSITIVE_INFINITY;
    for (const [source, lane] of this.#lanes) {
      if (lane.values.size > 0) {
        const { standsNext } = lane;
        if (next !== undefined && standsNext >= least) continue;
        next = lane;
        least = standsNext;
      } else if (this.#clock.isEven(lane)) {
        this.#lanes.delete(source);
      }
    }
    if (next === undefined) return undefined;
    this.#clock.begin(next);
    return this.#shiftOf(next.values);
  }
}
