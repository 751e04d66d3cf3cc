/** The end of a reservation before its holder has given it back. */
import { defineError, MerinoError } from "./merino-error.ts";

/**
 * How a reservation has ended: `released` by its holder, `expired` when its time was over or its worker began to end,
 * `lost` with the connection to its worker.
 */
export type ReservationEnd = "released" | "expired" | "lost";

/**
 * A call through a reservation that has ended; it was not started. Also the reason of the reservation's `signal`.
 *
 * @example
 * await using gpu = await pool.reserve({ gpu: 1 }, { for: 60_000 });
 * await gpu.run(() => add(1, 2)).catch((error: unknown) => {
 *   if (error instanceof ReservationLostError) console.log(error.end); // reserve again, or give up
 *   else throw error;
 * });
 */
export class ReservationLostError extends MerinoError {
  static {
    defineError(this, {
      name: "ReservationLostError",
      code: "ERR_MERINO_RESERVATION_LOST",
      fault: "caller",
    });
  }
  /** How it has ended. */
  readonly end: ReservationEnd;
  /** The uid of the worker on which it was. */
  readonly worker: string;

  constructor(
    what: string,
    at: { readonly end: ReservationEnd; readonly worker: string },
    options?: ErrorOptions,
  ) {
    super(`${what}: ${WHY[at.end]}`, options);
    this.end = at.end;
    this.worker = at.worker;
  }
}

const WHY: Readonly<Record<ReservationEnd, string>> = {
  released: "the reservation has been given back",
  expired: "the time of the reservation is over, or its worker ends; reserve for longer, or again",
  lost: "the connection to the worker of the reservation has ended; reserve again",
};
