/** What happens to the calls of a pool, as its `events()` report it. Data only. */

/** The fields of every event about a call. */
interface TaskEventFields {
  readonly type: "task";
  /** The task's id, as `currentTask()` knows it on the worker; absent before it has been sent. */
  readonly id: string | undefined;
  /** Identity of the routine. */
  readonly routine: string;
  /** The `tag` given with the call. */
  readonly tag: string | undefined;
  /** The `priority` given with the call; 0 by default. */
  readonly priority: number;
  /** Which attempt of its call it is, counting from 1; more than 1 only where the routine is idempotent. */
  readonly attempt: number;
  /** Whether the call was made inside another task. */
  readonly nested: boolean;
  /** The worker's uid; absent for a call that was never sent. */
  readonly worker: string | undefined;
  /** The worker's version, as its Ack said, or else its Hello. */
  readonly workerVersion: string | undefined;
}

/**
 * One step of a call. `sent`: its task has left for the worker; more than once, if workers refuse it.
 * `accepted`: the worker has taken it; from here on it belongs to that worker. `settled`: it is over for its
 * caller, once, whatever its worker may still do. `attempt-over`: of an idempotent routine that is retried or hedged, an
 * attempt is over for its call: with the answer or the error that the call is settled with next, or with an error after
 * which another attempt goes on or is made, or cancelled since it is not needed any more.
 */
export type TaskEvent =
  | (TaskEventFields & { readonly phase: "sent" | "accepted" })
  | (TaskEventFields & {
      readonly phase: "settled" | "attempt-over";
      /** `completed`: with its value. `failed`: with an error, of the routine or of the dispatch. `cancelled`: by its signal or a timeout. */
      readonly outcome: "completed" | "failed" | "cancelled";
    });
