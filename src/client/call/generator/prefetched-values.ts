/**
 * The values that have come ahead of the consumer of one generator; the credit to give back for those taken,
 * which goes back once and in lots; and barriers: a throw or return makes void the values that the worker,
 * running ahead, has produced before it has seen that.
 */
import { ArrayQueue } from "../../../internal/array-queue.ts";
import { DEFAULT_LIMITS } from "../../../session/limits.ts";

/** A value that nobody has asked for yet. */
interface PrefetchedValue {
  readonly value: unknown;
  readonly sizeBytes: number;
}

/** Bytes ahead of the consumer after which a worker that sends one more does not keep to the window. */
const MAX_AHEAD_BYTES = 2 * DEFAULT_LIMITS.streamWindow;

/** Values ahead of the consumer. */
export class PrefetchedValues {
  readonly #credit: number;
  readonly #values = new ArrayQueue<PrefetchedValue>();
  #aheadBytes = 0;
  #creditOwed = 0;
  #bytesOwed = 0;
  /** Throws and returns that the worker has not seen. */
  #barriers = 0;

  /** @param credit How many values the worker may produce ahead, > 0. */
  constructor(credit: number) {
    this.#credit = credit;
  }

  /** Whether one more may come: the worker stops once the credit or the window is used up. */
  get hasRoom(): boolean {
    return this.#values.size < this.#credit && this.#aheadBytes <= MAX_AHEAD_BYTES;
  }

  push(value: unknown, sizeBytes: number): void {
    this.#values.push({ value, sizeBytes });
    this.#aheadBytes += sizeBytes;
  }

  /** Takes out the oldest. */
  shift(): PrefetchedValue | undefined {
    const value = this.#values.shift();
    if (value !== undefined) this.#aheadBytes -= value.sizeBytes;
    return value;
  }

  /**
   * Counts a value that the consumer has taken. Credit goes back in lots of half the prefetch, so that it
   * does not cost a frame per value, or of half the window in bytes: the worker stops at either limit.
   *
   * @returns How much credit to send now; often 0.
   */
  taken(sizeBytes: number): number {
    this.#creditOwed += 1;
    this.#bytesOwed += sizeBytes;
    const few = this.#creditOwed * 2 < this.#credit && this.#bytesOwed * 2 < DEFAULT_LIMITS.streamWindow;
    if (few) return 0;
    const credit = this.#creditOwed;
    this.#creditOwed = 0;
    this.#bytesOwed = 0;
    return credit;
  }

  /** Drops the values. */
  clear(): void {
    this.#values.clear();
    this.#aheadBytes = 0;
  }

  /** Whether the worker has not seen the last throw or return yet: values that come before it has are void. */
  get barred(): boolean {
    return this.#barriers > 0;
  }

  /**
   * A throw or return goes to the worker: drops the values and the credit not given back, since the worker
   * counts anew.
   */
  bar(): void {
    this.clear();
    this.#creditOwed = 0;
    this.#bytesOwed = 0;
    this.#barriers += 1;
  }

  /** The worker has seen a throw or return. */
  unbar(): void {
    this.#barriers -= 1;
  }
}
