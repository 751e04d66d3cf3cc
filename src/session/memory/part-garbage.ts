/**
 * The memory of parts that values have let go of. Parts come in memory that others have allocated, which the engine
 * counts only in what decides on a collection of the whole heap: it begins one whenever some twelve mebibytes have come,
 * unless the heap is a very small one. A collection of young objects frees nearly all of it, and takes a tenth of a
 * millisecond, where the other takes several, on as many processors as there are.
 */
import { getHeapStatistics } from "node:v8";
import { collectYoungGarbage } from "../../internal/collect-garbage.ts";

/** Well below what makes the engine collect the whole heap. */
const STEP_BYTES = 6 * 1024 * 1024;
/** How much may come in between where parts are kept for so long that young collections are in vain. */
const MOST_BYTES = 64 * 1024 * 1024;

/** Memory outside the heap, as this needs it. */
export interface OutsideMemory {
  /** Bytes of it, garbage included. */
  usedBytes(): number;
  /** Frees what young objects have had that nobody refers to any more. */
  collect(): void;
}

const OWN_MEMORY: OutsideMemory = {
  usedBytes: () => getHeapStatistics().external_memory,
  collect: collectYoungGarbage,
};

/** Has the garbage of the parts that one thread receives collected. */
export class PartGarbage {
  readonly #memory: OutsideMemory;
  #stepBytes = STEP_BYTES;
  /** What has come since the memory was looked at. */
  #cameBytes = 0;
  /** What had come when the memory was collected last, and what there was beside that: kept from before. */
  #collectedBytes = 0;
  #keptBytes = Number.POSITIVE_INFINITY;

  constructor(memory: OutsideMemory = OWN_MEMORY) {
    this.#memory = memory;
  }

  /** Parts of so many bytes have come, and have not been handed out. */
  add(bytes: number): void {
    this.#cameBytes += bytes;
    if (this.#cameBytes < this.#stepBytes) return;
    const cameBytes = this.#cameBytes;
    this.#cameBytes = 0;
    const usedBytes = this.#memory.usedBytes();
    if (usedBytes < STEP_BYTES) return; // the engine has collected it
    // What has come since says nothing yet. Most of what had come before is still there: it is in use, as this may be.
    const keptBytes = usedBytes - cameBytes;
    const inVain = keptBytes - this.#keptBytes > this.#collectedBytes / 2;
    this.#stepBytes = inVain ? Math.min(2 * this.#stepBytes, MOST_BYTES) : STEP_BYTES;
    this.#collectedBytes = cameBytes;
    this.#keptBytes = keptBytes;
    this.#memory.collect();
  }
}

/** Of this thread. */
export const partGarbage: PartGarbage = new PartGarbage();
