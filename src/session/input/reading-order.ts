/**
 * Which of the connections that have something to read is next: of the peers the one that will have taken the least time, and
 * of one peer's connections the one whose turn is longest ago. However many there are, that takes hardly longer.
 */
import type { Standing } from "../../internal/fair-clock.ts";
import { ABSENT, type HeapEntry, IndexedHeap } from "../../internal/queue/indexed-heap.ts";

/** Something that has a turn. */
interface Reader {
  /** Its peer's, among the others. */
  readonly standing: Standing;
}

/** The connections of one peer that wait. */
class Lane<T> implements HeapEntry {
  readonly standing: Standing;
  readonly readers = new Set<T>();
  /** Of lanes that stand together the lowest is first. */
  order: number;
  position = ABSENT;

  constructor(standing: Standing, order: number) {
    this.standing = standing;
    this.order = order;
  }
}

/** Connections that wait for their turn. */
export class ReadingOrder<T extends Reader> {
  readonly #lanes = new Map<Standing, Lane<T>>();
  readonly #heap = new IndexedHeap<Lane<T>>(isBefore);
  #added = 0;

  /** Whether nobody waits. */
  get empty(): boolean {
    return this.#heap.size === 0;
  }

  /** Whether somebody waits with this standing. */
  has(standing: Standing): boolean {
    return this.#lanes.has(standing);
  }

  /** Where the one stands that is next; undefined when there is none. */
  get first(): Standing | undefined {
    return this.#heap.first?.standing;
  }

  /** Waits, behind those that stand where it does. */
  add(reader: T): void {
    const { standing } = reader;
    const known = this.#lanes.get(standing);
    const lane = known ?? new Lane<T>(standing, ++this.#added);
    lane.readers.add(reader);
    if (known !== undefined) return;
    this.#lanes.set(standing, lane);
    this.#heap.add(lane);
  }

  /** Takes out the one that is next; undefined when there is none. */
  shift(): T | undefined {
    const [next] = this.#heap.first?.readers ?? [];
    if (next !== undefined) this.delete(next);
    return next;
  }

  /** Waits no more. */
  delete(reader: T): void {
    const lane = this.#lanes.get(reader.standing);
    if (lane?.readers.delete(reader) !== true || lane.readers.size > 0) return;
    this.#lanes.delete(reader.standing);
    this.#heap.remove(lane);
  }

  /** A peer has had a turn: it goes behind those that stand where it does now. */
  moved(standing: Standing): void {
    const lane = this.#lanes.get(standing);
    if (lane === undefined) return;
    lane.order = ++this.#added;
    this.#heap.moved(lane);
  }
}

function isBefore(one: Lane<unknown>, other: Lane<unknown>): boolean {
  const behindMs = one.standing.afterMs - other.standing.afterMs;
  return behindMs === 0 ? one.order < other.order : behindMs < 0;
}
