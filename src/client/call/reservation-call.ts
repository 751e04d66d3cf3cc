/**
 * A reservation on the side of its holder: a stream that asks a worker for resources in place of a routine, as any call
 * asks for its body. It is settled as soon as the worker has granted it; from then on the calls that name the stream run
 * within it, until the stream ends.
 */
import type { CallRequest } from "../../context/dispatcher.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import type { ReservationEnd } from "../../errors/reservation-lost-error.ts";
import { RESERVE_DEFINITION } from "../../identity/reserve-definition.ts";
import { type Amounts, resourcesOf } from "../../internal/amounts.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import { encodeReserve } from "../../wire/messages/resources.ts";
import { NO_PAYLOAD } from "../../wire/payload.ts";
import { MemberResources } from "../members/member-resources.ts";
import { Call, type CallOwner } from "./call.ts";
import type { ReservedPlace } from "./reserved-place.ts";

/** About how long a worker takes to grant one, in microseconds. */
const GRANT_US = 10;

let last = 0;

/** What is reserved, and how it is asked for. */
export interface ReserveRequest {
  readonly amounts: Amounts;
  /** For how long, in milliseconds. */
  readonly timeMs: number;
  readonly options: CallRequest["options"];
}

/** Whoever places reservations, as calls. */
export interface ReservationOwner extends CallOwner {
  submit(call: Call): void;
}

/** Reserves resources on a worker that has them, once they are free. */
export function reserve(owner: ReservationOwner, request: ReserveRequest): Promise<ReservationCall> {
  const call = new ReservationCall(owner, request);
  if (call.start()) owner.submit(call);
  return call.granted;
}

/** One reservation. */
export class ReservationCall extends Call implements ReservedPlace {
  readonly key: string = `reservation ${++last}`;
  readonly amounts: Amounts;
  readonly resources: MemberResources = new MemberResources();
  /** Resolves with it when it has been granted. */
  readonly granted: Promise<ReservationCall>;
  /** Resolves when it has ended. */
  readonly ended: Promise<ReservationEnd>;
  #end: ReservationEnd | undefined;
  readonly #grant: Deferred<ReservationCall> = createDeferred();
  readonly #whenEnded: Deferred<ReservationEnd> = createDeferred();

  constructor(owner: CallOwner, { amounts, timeMs, options }: ReserveRequest) {
    super(
      owner,
      {
        definition: RESERVE_DEFINITION,
        receiver: undefined,
        parameters: [],
        options,
        parent: undefined,
        needs: amounts,
      },
      0,
    );
    this.amounts = amounts;
    this.resources.read(resourcesOf(amounts));
    this.head.reserve = encodeReserve({ resources: amounts, timeMs });
    this.granted = this.#grant.promise;
    this.ended = this.#whenEnded.promise;
    keepAlive();
  }

  get uid(): string {
    return this.lastUid;
  }

  /** How it has ended; absent while it has not. */
  get end(): ReservationEnd | undefined {
    return this.#end;
  }

  /** Gives it back. Its calls that run go on. */
  release(): void {
    if (this.#end !== undefined || !this.settled) return;
    this.#finish("released");
    this.member?.session?.cancel(this.stream, NO_PAYLOAD);
  }

  override accepted(version: string): void {
    if (this.settled) return; // cancelled: its worker knows, or is about to
    this.responded(GRANT_US);
    super.accepted(version);
    this.occupancy?.releaseShare();
    this.occupancy?.yieldPermit(); // it is none of the calls of which there may be so many
    this.settle();
    this.#grant.resolve(this);
    letExit();
    this.owner.answered(this, "completed");
  }

  result(): void {
    this.member?.session?.broken(this.stream, "a value in answer to a reservation");
  }

  done(): void {
    this.#over();
  }

  exception(): void {
    this.#over();
  }

  override failed(error: Error): void {
    super.failed(error);
    this.#finish("lost");
  }

  override lost(error: Error | undefined, started: boolean): void {
    // Before it was granted nothing has happened that another worker could not do as well.
    super.lost(error, started && this.settled);
    if (this.settled) this.#finish("lost");
  }

  protected reject(error: unknown): void {
    this.#grant.reject(error);
    letExit();
  }

  #over(): void {
    this.over();
    if (!this.settled) this.fail(new ProtocolError("The worker ended a reservation that it had not granted"));
    this.#finish("expired");
  }

  #finish(end: ReservationEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    this.#whenEnded.resolve(end);
  }
}
