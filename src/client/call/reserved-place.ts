/** A reservation as the calls see it that are to run within it. Types only. */
import type { ReservationEnd } from "../../errors/reservation-lost-error.ts";
import type { Amounts } from "../../internal/amounts.ts";
import type { MemberResources } from "../members/member-resources.ts";

/** What is kept for calls on one worker. */
export interface ReservedPlace {
  /** What tells it from others of this process. */
  readonly key: string;
  /** The uid of the worker. */
  readonly uid: string;
  /** Its stream on the connection to that. */
  readonly stream: number;
  /** What is kept. */
  readonly amounts: Amounts;
  /** How much of that its calls hold. */
  readonly resources: MemberResources;
  /** How it has ended; absent while it has not. */
  readonly end: ReservationEnd | undefined;
}
