/**
 * The carrier within a process: two ends that hand each other batches. What one end sends arrives at the other in a later
 * turn of the event loop, in order, and never shares memory with what the sender may still change.
 */
import type { AsyncResource } from "node:async_hooks";
import { CARRIER_HEADROOM, type Carrier, type CarrierEvents } from "../../session/carrier.ts";

/** Bytes on the way from which on bulk should wait. */
const FULL_BYTES = 1024 * 1024;

/** One end. */
class MemoryCarrier implements Carrier {
  readonly local = true;
  readonly volatile = false;
  readonly description: string;
  events: CarrierEvents | undefined;
  readonly #surroundings: AsyncResource;
  #peer: MemoryCarrier | undefined;
  #sent: Uint8Array[] = [];
  #sentBytes = 0;
  /** The session has been told to let bulk wait. */
  #full = false;
  #scheduled = false;
  #closing = false;
  #over = false;

  constructor(description: string, surroundings: AsyncResource) {
    this.description = description;
    this.#surroundings = surroundings;
  }

  static connect(one: MemoryCarrier, other: MemoryCarrier): void {
    one.#peer = other;
    other.#peer = one;
  }

  send(batch: Uint8Array, tail?: Uint8Array): boolean {
    if (this.#over || this.#closing) return true; // its end is on the way; the session is told there
    // Whoever builds batches never writes to one again that has been handed over; the tail is the sender's own memory.
    const bytes = batch.subarray(CARRIER_HEADROOM);
    this.#sent.push(tail === undefined ? bytes : Buffer.concat([bytes, tail]));
    this.#sentBytes += bytes.length + (tail?.length ?? 0);
    this.#schedule();
    if (this.#sentBytes < FULL_BYTES) return true;
    this.#full = true;
    return false;
  }

  close(): void {
    if (this.#over) return;
    this.#closing = true;
    this.#schedule();
  }

  destroy(error?: Error): void {
    if (this.#over) return;
    this.#sent = [];
    this.#closing = true;
    setImmediate(() => this.#endBoth(error));
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    // Not in those of whichever call came first in the turn.
    setImmediate(() => this.#surroundings.runInAsyncScope(this.#deliver, this));
  }

  #deliver(): void {
    this.#scheduled = false;
    const batches = this.#sent;
    this.#sent = [];
    this.#sentBytes = 0;
    for (const batch of batches) {
      const peer = this.#peer;
      if (peer === undefined || peer.#over || this.#over) break;
      peer.events?.batch(batch, 0, batch.length);
    }
    if (this.#closing && this.#sent.length === 0) return this.#endBoth(undefined);
    if (!this.#full) return;
    this.#full = false;
    this.events?.drain();
  }

  /** @param error Why, as this end is told. */
  #endBoth(error: Error | undefined): void {
    this.#end(error);
    if (this.#peer !== undefined) this.#peer.#end(undefined);
  }

  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#sent = [];
    this.events?.closed(error);
  }
}

/**
 * Makes two connected ends.
 *
 * @param name What to call the connection in error messages.
 * @param surroundings In which batches are delivered, whoever has sent them.
 */
export function pairCarriers(name: string, surroundings: AsyncResource): readonly [Carrier, Carrier] {
  const one = new MemoryCarrier(name, surroundings);
  const other = new MemoryCarrier(name, surroundings);
  MemoryCarrier.connect(one, other);
  return [one, other];
}
