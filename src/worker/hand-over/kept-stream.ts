/** A stream of a running task that its worker keeps for whoever shows a token. Types only. */
import type { Branch } from "../../context/variables/branch.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";

/** One of them. */
export interface KeptStream {
  /** The routine whose stream it is. */
  readonly definition: RoutineDefinition;
  /** Its items, for one reader. */
  readonly items: AsyncIterable<unknown>;
  /** The branch that its source runs in. */
  readonly branch: Branch;
  /** Told that somebody has shown the token. Default: nobody needs to know. */
  readonly taken?: () => void;
}
