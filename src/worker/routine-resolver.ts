/** Interface for finding the routine that a task names, importing the routine's module where that is allowed. Types only. */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { Nack, RoutineOrigin } from "../wire/frames.ts";
import type { Judgement } from "./access/judgement.ts";

/** A routine asked for. */
export interface RoutineRequest {
  readonly id: string;
  /** Where the caller says it is declared; empty when it does not say. */
  readonly location: string;
  /** How the caller identifies its copy of this routine; absent if it sends nothing of the kind. */
  readonly origin?: RoutineOrigin | undefined;
  /** Whether an import may be made for it, and any routine run: not if it is tainted; see `identity/taint.ts`. */
  readonly mayImport: boolean;
  /** Whether its caller, who may be on this host, has it from the network as a value. Default false. */
  readonly tainted?: boolean | undefined;
  /**
   * Set by the resolver once the routine can run. The same request object serves all tasks of this routine, so that later
   * ones need not ask again.
   */
  definition?: RoutineDefinition | undefined;
  /** Set by the rules for callers, for later tasks likewise. */
  judgement?: Judgement | undefined;
}

/** Finds routines. */
export interface RoutineResolver {
  /**
   * The routine, if it may run right now; a refusal, if no import could change the answer (a bad identity, not
   * exposed, ambiguous); `undefined`, if only `resolve` can tell.
   */
  lookup(request: RoutineRequest): RoutineDefinition | Nack | undefined;
  /**
   * Finds the routine, importing its module and waiting for it where need be.
   *
   * @throws An error whose message tells the caller what to do.
   */
  resolve(request: RoutineRequest): Promise<RoutineDefinition>;
}
