/**
 * A reservation on its worker: amounts that are kept for the calls of one connection, until its caller gives them back,
 * its time is over, or the connection ends. Bodies that run within it by then run to their end, and only then are the
 * amounts free. It is a stream of the connection, and its number is what calls name it by.
 */
import { type Amounts, addAmounts } from "../../internal/amounts.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import type { ServerSession } from "../../session/server-session.ts";
import type { ServerStream } from "../../session/server-stream.ts";
import { NO_PAYLOAD } from "../../wire/payload.ts";

/** Told of the ends of a reservation. */
export interface ReservationKeeper {
  /** It takes no more calls. */
  ended(reservation: Reservation): void;
  /** Nothing runs within it any more. */
  vacated(reservation: Reservation): void;
}

/** Parts of a reservation. */
export interface ReservationOptions {
  readonly session: Pick<ServerSession, "ack" | "done" | "broken">;
  readonly stream: number;
  readonly amounts: Amounts;
  /** For how long it is granted, in milliseconds. */
  readonly timeMs: number;
  readonly keeper: ReservationKeeper;
}

/** One reservation. */
export class Reservation implements ServerStream {
  readonly amounts: Amounts;
  readonly stream: number;
  readonly #session: ReservationOptions["session"];
  readonly #keeper: ReservationKeeper;
  readonly #timer: DeadlineEntry;
  readonly #used = new Map<string, number>();
  #bodies = 0;
  #ended = false;

  /** Grants it: its time runs, and its caller is told. */
  constructor({ session, stream, amounts, timeMs, keeper }: ReservationOptions) {
    this.#session = session;
    this.stream = stream;
    this.amounts = amounts;
    this.#keeper = keeper;
    this.#timer = deadlines.after(timeMs, () => this.end());
    session.ack(stream);
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** What of it no body holds. */
  get free(): Amounts {
    const free = new Map(this.amounts);
    addAmounts(free, this.#used, -1);
    return free;
  }

  /** A body runs within it, and holds so much. */
  entered(amounts: Amounts): void {
    this.#bodies += 1;
    addAmounts(this.#used, amounts, 1);
  }

  /** A body has come to its end. */
  left(amounts: Amounts): void {
    this.#bodies -= 1;
    addAmounts(this.#used, amounts, -1);
    if (this.#ended && this.#bodies === 0) this.#keeper.vacated(this);
  }

  /** Ends it, and tells its caller. */
  end(): void {
    if (this.#ended) return;
    this.#over();
    this.#session.done(this.stream, NO_PAYLOAD, 0);
  }

  // Frames of the stream: all that its caller has to say is that it is done.

  cancel(): void {
    this.end();
  }

  return(): void {
    this.end();
  }

  lost(): void {
    if (!this.#ended) this.#over();
  }

  payload(_message: ReceivedMessage): void {
    // It has no arguments.
  }

  next(): void {
    this.#unexpected();
  }

  send(): void {
    this.#unexpected();
  }

  throw(): void {
    this.#unexpected();
  }

  credit(): void {
    this.#unexpected();
  }

  signalFired(): void {
    this.#unexpected();
  }

  flow(_message: ReceivedMessage): void {
    this.#unexpected();
  }

  #unexpected(): void {
    this.#session.broken(this.stream, "a reservation has no steps");
  }

  #over(): void {
    this.#ended = true;
    deadlines.cancel(this.#timer);
    this.#keeper.ended(this);
    if (this.#bodies === 0) this.#keeper.vacated(this);
  }
}
