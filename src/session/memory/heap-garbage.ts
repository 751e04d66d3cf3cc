/**
 * What the values of ended bodies leave in the heap. It counts no more, since nobody holds it; but the engine collects it
 * only when the heap has grown by several times what it keeps, which may be more than the whole budget.
 */
import { getHeapStatistics } from "node:v8";
import { collectGarbage } from "../../internal/collect-garbage.ts";

/** The part of a budget that there may be of it, and what there may be of it in any case. */
const MOST_SHARE = 1 / 6;
const LEAST_MOST_BYTES = 16 * 1024 * 1024;

/** The heap, as this needs it. */
export interface CollectableHeap {
  /** Bytes of all objects in it, garbage included. */
  usedBytes(): number;
  /** Leaves no garbage. */
  collect(): void;
}

const OWN_HEAP: CollectableHeap = {
  usedBytes: () => getHeapStatistics().used_heap_size,
  collect: collectGarbage,
};

/** Has the garbage of one worker's bodies collected in time. */
export class HeapGarbage {
  readonly #heap: CollectableHeap;
  /** What has been let go of since the heap was looked at. */
  #leftBytes = 0;
  /** The least of it that has been seen since it was collected. */
  #usedBytes = Number.POSITIVE_INFINITY;

  constructor(heap: CollectableHeap = OWN_HEAP) {
    this.#heap = heap;
  }

  /** A body has let go of values of so many bytes. */
  add(bytes: number): void {
    this.#leftBytes += bytes;
  }

  /**
   * Other values are about to be made. The heap is looked at when enough has been let go of, and collected only if it has
   * grown by as much: what honest calls leave is nearly always gone by then, with what the engine collects of young objects.
   *
   * @param heldBytes What all that is held may be, of which this may be a part.
   */
  limit(heldBytes: number): void {
    const stepBytes = Math.max(LEAST_MOST_BYTES, heldBytes * MOST_SHARE) / 2;
    if (this.#leftBytes < stepBytes) return;
    this.#leftBytes = 0;
    const usedBytes = this.#heap.usedBytes();
    this.#usedBytes = Math.min(this.#usedBytes, usedBytes);
    if (usedBytes - this.#usedBytes < stepBytes) return;
    this.#heap.collect();
    this.#usedBytes = this.#heap.usedBytes();
  }
}
