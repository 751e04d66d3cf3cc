/**
 * The memory of messages that nobody refers to any more: of parts and payloads that have come, and of what payloads that
 * have left were written in. The engine counts memory outside its heap in what decides on a collection of the whole heap:
 * it begins one whenever some twelve mebibytes have been made, unless the heap is a very small one. A collection of young
 * objects frees nearly all of it, and takes some tenths of a millisecond, where the other takes several, on as many
 * processors as there are.
 */
import { getHeapStatistics } from "node:v8";
import { collectYoungGarbage } from "../../internal/collect-garbage.ts";

/** Payloads from this size on count. Of less, the objects around it have young ones collected in time. */
const LEAST_PAYLOAD_BYTES = 4096;
/** Memory that a payload inside its frame takes at either end: to be written and sent, or to be kept and made a value. */
const COPIES = 2;

/** Below what makes the engine collect the whole heap, by more than one of the largest parts that count. */
const STEP_BYTES = 9 * 1024 * 1024;
/**
 * Parts from this size on are left to the engine: a few are enough for it to find a collection of the whole heap due, and
 * it looks whenever it collects young objects, before it has counted what that frees.
 */
const UNCOUNTED_PART_BYTES = 1.5 * 1024 * 1024;
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
  /** Whether the collection before the last one looked as if it had been in vain. */
  #wasInVain = false;

  constructor(memory: OutsideMemory = OWN_MEMORY) {
    this.#memory = memory;
  }

  /** Parts of so many bytes have come, and have not been handed out. */
  add(bytes: number): void {
    if (bytes >= UNCOUNTED_PART_BYTES) return;
    this.#cameBytes += bytes;
    this.collect();
  }

  /** A payload inside its frame has come, and has not been handed out. */
  addPayload(bytes: number): void {
    if (bytes >= LEAST_PAYLOAD_BYTES) this.add(COPIES * bytes);
  }

  /** A payload leaves inside its frame. What is garbage is collected later: it is to leave first. */
  sentPayload(bytes: number): void {
    if (bytes >= LEAST_PAYLOAD_BYTES) this.#cameBytes += COPIES * bytes;
  }

  /** Collects what there is, if that is worth it: also where much leaves, and little comes. */
  collect(): void {
    if (this.#cameBytes < this.#stepBytes) return;
    const cameBytes = this.#cameBytes;
    this.#cameBytes = 0;
    const usedBytes = this.#memory.usedBytes();
    if (usedBytes < STEP_BYTES) return; // the engine has collected it
    // What has come since says nothing yet. Most of what had come before is still there: it is in use, as this may be.
    const keptBytes = usedBytes - cameBytes;
    const inVain = keptBytes - this.#keptBytes > this.#collectedBytes / 2;
    // Once says little: the engine frees in the background, later where the machine is busy.
    if (!inVain) this.#stepBytes = STEP_BYTES;
    else if (this.#wasInVain) this.#stepBytes = Math.min(2 * this.#stepBytes, MOST_BYTES);
    this.#wasInVain = inVain;
    this.#collectedBytes = cameBytes;
    this.#keptBytes = keptBytes;
    this.#memory.collect();
  }
}

/** Of this thread. */
export const partGarbage: PartGarbage = new PartGarbage();
