/**
 * The batches of a connection that wait until what a worker has printed before them has been written by this process.
 * It stands in for the session while it holds some, and then gives the carrier back to it. What came first stays first;
 * the end of the connection comes after the batches before it.
 */
import { errorText } from "../../internal/error-text.ts";
import type { OutputForwarded } from "../../internal/worker-outputs.ts";
import type { Carrier, CarrierEvents, Enclosure } from "../../session/carrier.ts";

/** Stands for an empty batch, which says that more has been printed. */
const PRINTED: Uint8Array = new Uint8Array(0);

/**
 * Holds what comes from now on until the output has been forwarded, and tells of another announcement in what is held.
 *
 * @param carrier Has just received an empty batch.
 */
export function holdBatches(carrier: Carrier, forwarded: OutputForwarded): void {
  if (carrier.events instanceof HeldBatches) carrier.events.batch(PRINTED, 0, 0);
  else new HeldBatches(carrier, forwarded);
}

/** Holds what comes from now on. */
class HeldBatches implements CarrierEvents {
  readonly #session: CarrierEvents | undefined;
  readonly #forwarded: OutputForwarded;
  readonly #batches: Uint8Array[] = [PRINTED];
  #end: { readonly error: Error | undefined } | undefined;

  constructor(carrier: Carrier, forwarded: OutputForwarded) {
    this.#session = carrier.events;
    this.#forwarded = forwarded;
    carrier.events = this;
    this.#release(carrier).catch((error: unknown) => {
      carrier.events = this.#session;
      carrier.destroy(error instanceof Error ? error : new Error(errorText(error)));
      if (this.#end !== undefined) this.#session?.closed(this.#end.error);
    });
  }

  batch(bytes: Uint8Array, start: number, end: number): void {
    // A copy, since the carrier may read the next ones into the same memory; not `slice`, which on a Buffer shares it.
    this.#batches.push(start === end ? PRINTED : new Uint8Array(bytes.subarray(start, end)));
  }

  enclosed(enclosure: Enclosure): void {
    this.#session?.enclosed?.(enclosure); // it waits there for its frame
  }

  drain(): void {
    this.#session?.drain();
  }

  closed(error: Error | undefined): void {
    this.#end = { error };
  }

  /** Rejects with what a session throws, which is a fault of this library: the connection ends with it. */
  async #release(carrier: Carrier): Promise<void> {
    const session = this.#session;
    for (let batch = this.#batches.shift(); batch !== undefined; batch = this.#batches.shift()) {
      if (batch === PRINTED) await this.#forwarded();
      else session?.batch(batch, 0, batch.length);
    }
    carrier.events = session;
    if (this.#end !== undefined) session?.closed(this.#end.error);
  }
}
