/** A stream of a running task that its worker keeps for whoever shows a token. Types only. */
import type { RoutineDefinition } from "../../identity/routine-definition.ts";

/** One of them. */
export interface KeptStream {
  /** The routine whose stream it is. */
  readonly definition: RoutineDefinition;
  /** Its items, for one reader. */
  readonly items: AsyncIterable<unknown>;
  /** Told that somebody has shown the token. Default: nobody needs to know. */
  readonly taken?: () => void;
}
