/**
 * The reservations of one worker, by the connection and the number of the stream that each is: nobody else can name it.
 * Grants or refuses new ones.
 */

import { RESERVE, RESERVE_DEFINITION } from "../../identity/reserve-definition.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { type Amounts, MAX_RESOURCES } from "../../internal/amounts.ts";
import type { ServerSession } from "../../session/server-session.ts";
import type { FrameReader } from "../../wire/batch/frame-reader.ts";
import { Feature } from "../../wire/features.ts";
import type { Nack } from "../../wire/frames.ts";
import { createNack } from "../../wire/messages/nack.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import type { Reserve } from "../../wire/messages/resources.ts";
import type { AccessRules } from "../access/access-rules.ts";
import { Reservation, type ReservationKeeper } from "./reservation.ts";
import { type ResourceHolder, WorkerResources } from "./worker-resources.ts";

/** Reservations of one connection at a time. */
const MAX_OF_CONNECTION = 64;
/** About what one takes up, with its stream and its timer. */
const RESERVATION_BYTES = 1024;
/** The longest time, unless the worker's owner says otherwise. */
const DEFAULT_MAX_TIME_MS = 10 * 60_000;

/** Parts and settings of reservations. */
export interface ReservationsOptions {
  /** How much the worker has of what can be reserved; absent: nothing. */
  readonly total: Amounts | undefined;
  /** Asked about callers of the network. */
  readonly access: Pick<AccessRules, "judge">;
  /** The longest time, in milliseconds; 0: there are none. Default: ten minutes. */
  readonly maxTimeMs: number | undefined;
  /** Told how many there are more, or fewer, that are kept. */
  readonly counted: (change: 1 | -1) => void;
}

/** A task as far as it may run within a reservation. */
export interface ReservingTask extends ResourceHolder {
  readonly session: ServerSession;
  /** The stream of the reservation; 0: none. */
  readonly reservationStream: number;
  /** Names of the resources that those hold from whom it is called. */
  readonly heldByCallers: readonly string[] | undefined;
}

const NOTHING: Amounts = new Map();

const LOST: Nack = createNack(
  NackCode.RESERVATION_LOST,
  "the reservation within which it was to run has ended: its time is over, or it was given back",
);

/** The reservations of one worker. */
export class Reservations implements ReservationKeeper {
  /** What the worker has, of which they keep some. */
  readonly resources: WorkerResources;
  readonly #options: ReservationsOptions;
  readonly #bySession = new Map<ServerSession, Map<number, Reservation>>();
  readonly #sessions = new WeakMap<Reservation, ServerSession>();

  constructor(options: ReservationsOptions) {
    this.#options = options;
    this.resources = new WorkerResources(options.total);
  }

  /** Judges a task by what its routine needs, and by the reservation that it names. */
  judge(task: ReservingTask, definition: RoutineDefinition | undefined): Nack | undefined {
    const reservation = this.of(task);
    if (task.reservationStream !== 0 && reservation === undefined) return LOST;
    if (definition?.needs === undefined) return undefined;
    return this.resources.judge(definition.id, definition.needs, {
      held: task.heldByCallers ?? [],
      reservation,
    });
  }

  /** A task has been accepted whose routine is known: it takes what that needs. */
  take(task: ReservingTask, { needs }: RoutineDefinition): void {
    this.resources.take(task, needs ?? NOTHING, this.of(task));
  }

  /** The reservation that a task names; `undefined` if it names none that there is. */
  of({ session, reservationStream }: ReservingTask): Reservation | undefined {
    return reservationStream === 0 ? undefined : this.#bySession.get(session)?.get(reservationStream);
  }

  /** Grants a reservation, or refuses it. @param frame The task's that asks for it. */
  grant(
    session: ServerSession,
    { stream, task }: FrameReader,
    { resources: amounts, timeMs }: Reserve,
  ): Reservation | Nack {
    const { access, maxTimeMs = DEFAULT_MAX_TIME_MS, counted } = this.#options;
    if (!session.connection.carrier.local) {
      const forbidden = access.judge(RESERVE_DEFINITION, session.peer);
      if (forbidden !== undefined) return forbidden;
    }
    if (session.connection.peer?.features.includes(Feature.Resources) !== true) {
      return createNack(
        NackCode.BAD_PAYLOAD,
        "a caller on dispatch, or of an older version, cannot reserve resources",
      );
    }
    if (amounts.size === 0 || timeMs === 0) {
      return createNack(
        NackCode.BAD_PAYLOAD,
        `a reservation names 1 to ${MAX_RESOURCES} resources, and a time`,
      );
    }
    if (timeMs > maxTimeMs) {
      const reason = `a reservation for ${timeMs} ms is asked for, and the worker grants ${maxTimeMs === 0 ? "none" : `at most ${maxTimeMs} ms`}`;
      return { ...createNack(NackCode.LACKS_RESOURCES, reason), needs: amounts };
    }
    const refused = this.resources.judge(RESERVE, amounts, {
      held: task.held() ?? [],
      reservation: undefined,
    });
    if (refused !== undefined) return refused;
    const ofSession = this.#bySession.get(session) ?? new Map<number, Reservation>();
    if (ofSession.size >= MAX_OF_CONNECTION) {
      return createNack(NackCode.FULL, `the connection has ${MAX_OF_CONNECTION} reservations already`, 100);
    }
    this.resources.keep(amounts);
    counted(1);
    const { memory } = session.connection;
    memory?.add(memory.weigh(RESERVATION_BYTES));
    const reservation = new Reservation({ session, stream, amounts, timeMs, keeper: this });
    ofSession.set(stream, reservation);
    this.#bySession.set(session, ofSession);
    this.#sessions.set(reservation, session);
    return reservation;
  }

  /** The worker takes no more tasks of these connections: what they have reserved ends. */
  endAll(concerns: (session: ServerSession) => boolean): void {
    for (const [session, ofSession] of [...this.#bySession]) {
      if (concerns(session)) for (const reservation of [...ofSession.values()]) reservation.end();
    }
  }

  ended(reservation: Reservation): void {
    const session = this.#sessions.get(reservation);
    const ofSession = session && this.#bySession.get(session);
    if (session === undefined || ofSession === undefined) return;
    ofSession.delete(reservation.stream);
    const { memory } = session.connection;
    memory?.drop(memory.weigh(RESERVATION_BYTES));
    if (ofSession.size === 0) this.#bySession.delete(session);
  }

  vacated({ amounts }: Reservation): void {
    this.resources.giveBack(amounts);
    this.#options.counted(-1);
  }
}
