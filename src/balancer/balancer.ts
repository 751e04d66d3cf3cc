/** The balancer port: in which order workers are offered a task. */
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** What a balancer may know about the task. */
export interface BalancedTask {
  /** Identity of the routine. */
  readonly routine: string;
  /** The `tag` given with the call. */
  readonly tag: string | undefined;
  /** Whether the call is made inside another task. */
  readonly nested: boolean;
}

/** One ready worker, as it stands at this moment. Entries are live: read them, do not keep them. */
export interface Candidate {
  /** What `delegate` yields to name it. */
  readonly uid: string;
  /** Its record, with its tags. */
  readonly metadata: WorkerMetadata;
  /** Our calls on this worker that have not settled there. */
  readonly inFlight: number;
  /** Whether this call may be sent to it now. Always true for nested calls. */
  readonly room: boolean;
}

/**
 * Names workers in order of preference.
 *
 * `delegate` yields uids. It is resumed with `next()` when the worker it named is gone, with
 * `throw(error)` when the worker could not take the task, and with `next(uid)` when that worker
 * accepted, after which it must end.
 */
export interface Balancer {
  delegate(
    task: BalancedTask,
    view: readonly Candidate[],
  ): AsyncGenerator<string, void, string | undefined> | Generator<string, void, string | undefined>;
  /**
   * The synchronous fast path: the index in `view` of a candidate with room, or -1 for none. Takes the
   * place of `delegate` for the first attempt; a balancer without it is always driven through `delegate`.
   */
  pick?(task: BalancedTask, view: readonly Candidate[]): number;
  /** Rebuilds the balancer in a worker, for nested calls; absent: nested calls use the default policy. */
  readonly descriptor?: { readonly kind: string };
}
