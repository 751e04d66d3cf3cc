/**
 * Streams by numbers that the peer has chosen. V8 hashes numbers without a secret, so that a peer could choose thousands
 * that meet in one place of a Map, and each access would walk past all of them. Here a secret of the process is
 * mixed in first.
 */
import { randomBytes } from "node:crypto";

const SECRET = randomBytes(4).readInt32LE(0);

/** A Map whose keys are numbers of 32 bits. */
export class StreamTable<T> {
  readonly #map = new Map<number, T>();

  get size(): number {
    return this.#map.size;
  }

  has(stream: number): boolean {
    return this.#map.has(stream ^ SECRET);
  }

  get(stream: number): T | undefined {
    return this.#map.get(stream ^ SECRET);
  }

  set(stream: number, value: T): void {
    this.#map.set(stream ^ SECRET, value);
  }

  delete(stream: number): void {
    this.#map.delete(stream ^ SECRET);
  }

  values(): T[] {
    return [...this.#map.values()];
  }

  clear(): void {
    this.#map.clear();
  }
}
