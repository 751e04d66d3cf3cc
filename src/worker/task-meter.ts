/** The port between the tasks of a worker and whoever measures them, for the worker's parent. Types only. */

/** A task as far as it is measured. */
export interface MeteredTask {
  /** When it was accepted, in milliseconds; written by a {@link TaskMeter} only. */
  sinceMs: number;
  /** Whether it has one of the places of root tasks; a generator suspended at a yield has none. */
  readonly permit: boolean;
  readonly task: {
    readonly nested: boolean;
    /** Identity of its routine; "" until that has been found. */
    readonly routine: string;
  };
}

/** Told of every task that a worker accepts. */
export interface TaskMeter {
  /** A task has been accepted. */
  began(execution: MeteredTask): void;
  /** Its body has come to its end, or will never run. */
  ended(execution: MeteredTask): void;
}
