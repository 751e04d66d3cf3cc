/**
 * What carriers within a host are told of the output of workers: at a worker, that something has been printed; at a
 * caller that passes it on, when that has been written. Types only.
 */
import type { OutputForwarded } from "../../internal/worker-outputs.ts";

/** What the worker at this end prints, if its parent passes it on. */
export interface Printed {
  /** Whether anything can have been printed. A plain property, which every batch asks. */
  readonly used: boolean;
  /** How much has been printed so far: more, each time that something is. */
  readonly bytes: number;
  /** Whether the parent has been given all of it. */
  readonly isWritten: boolean;
  /** Calls back once it has, within a short time in any case, and never at once unless nothing is left. */
  whenWritten(written: () => void): void;
}

/** Whose output a carrier announces, or waits for. */
export interface PrintingOptions {
  /** At a worker: announced before the batch that follows it. */
  readonly printed?: Printed | undefined;
  /** At a caller that passes on the worker's output: what comes after the announcement waits for it. */
  readonly forwarded?: OutputForwarded | undefined;
}
