/**
 * The batches of a worker's connection that wait until what was printed before them has been handed over. Before the
 * first of them it sends an empty batch, which announces that; whoever passes on the output waits for it there
 * (`held-batches.ts`).
 */
import { CARRIER_HEADROOM } from "../../session/carrier.ts";
import type { Printed } from "./printed.ts";

/** The carrier whose batches wait. */
export interface BehindOutputEvents {
  /** Sends a batch. It may not be possible any more. */
  write(batch: Uint8Array, tail?: Uint8Array): void;
  /** Those that waited have been sent. */
  released(): void;
}

/** Batches of one connection. */
export class BehindOutput {
  readonly #printed: Printed;
  readonly #events: BehindOutputEvents;
  /** What had been printed before the last batch. */
  #announcedBytes = 0;
  #batches: [batch: Uint8Array, tail: Uint8Array | undefined][] | undefined;

  constructor(printed: Printed, events: BehindOutputEvents) {
    this.#printed = printed;
    this.#events = events;
  }

  /** Whether batches wait. */
  get holds(): boolean {
    return this.#batches !== undefined;
  }

  /**
   * Has a batch wait for what was printed before it, or sends the announcement that goes before it.
   *
   * @returns Whether it waits; otherwise it is to be sent now.
   */
  keeps(batch: Uint8Array, tail: Uint8Array | undefined): boolean {
    const printed = this.#printed;
    if (this.#batches !== undefined) {
      this.#batches.push([batch, tail]);
      return true;
    }
    if (printed.bytes === this.#announcedBytes) return false;
    if (printed.isWritten) {
      this.#announce();
      return false;
    }
    this.#batches = [[batch, tail]];
    printed.whenWritten(() => {
      this.send();
      this.#events.released();
    });
    return true;
  }

  /** Sends what waits, without waiting longer. */
  send(): void {
    const batches = this.#batches;
    if (batches === undefined) return;
    this.#batches = undefined;
    this.#announce();
    for (const [batch, tail] of batches) this.#events.write(batch, tail);
  }

  /** Forgets what waits: nobody is left to take it. */
  drop(): void {
    this.#batches = undefined;
  }

  #announce(): void {
    this.#announcedBytes = this.#printed.bytes;
    this.#events.write(new Uint8Array(CARRIER_HEADROOM));
  }
}
