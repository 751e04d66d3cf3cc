/** The port through which a worker finds the routine of a task, importing its module if that is allowed. Types only. */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import type { Nack, RoutineOrigin } from "../wire/frames.ts";

/** A routine asked for. */
export interface RoutineRequest {
  readonly id: string;
  /** Where the caller says it is declared; empty when it does not say. */
  readonly location: string;
  /** What the caller's own routine is; absent when it does not say. */
  readonly origin?: RoutineOrigin | undefined;
  /** Whether the request may cause an import: it came over a local carrier. */
  readonly mayImport: boolean;
  /**
   * The routine, once its module has been evaluated far enough for it to run: set by the resolver, which need not be
   * asked again for a request that comes with every task of the routine.
   */
  definition?: RoutineDefinition | undefined;
}

/** Finds routines. */
export interface RoutineResolver {
  /**
   * The routine, if it may run right now; a refusal, if this caller may not have it whatever happens;
   * `undefined`, if only `resolve` can tell.
   */
  lookup(request: RoutineRequest): RoutineDefinition | Nack | undefined;
  /**
   * The routine, after whatever has to happen first.
   *
   * @throws An error whose message tells the caller what to do.
   */
  resolve(request: RoutineRequest): Promise<RoutineDefinition>;
}
