/** What rules have decided of a caller and a routine, where they would decide the same again. Data only. */
import type { Peer } from "../../credentials/peers/peer.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import type { Nack } from "../../wire/frames.ts";

/** A decision that holds as long as these are the same objects: a routine that is declared anew is judged anew. */
export interface Judgement {
  readonly definition: RoutineDefinition;
  readonly peer: Peer;
  /** Absent: the caller may call the routine. */
  readonly refusal: Nack | undefined;
}

/** Where the decision is kept for the next call: with what all calls of one caller to one routine have in common. */
export interface JudgementKeeper {
  judgement?: Judgement | undefined;
}
