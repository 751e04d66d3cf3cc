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
 * The same view, put in order: answers without a walk through all of it. It comes with a view that is never
 * changed in place, so that what was learnt about one view stays true for as long as that view is given.
 */
export interface CandidateIndex {
  /** Where the first candidate with room and the fewest calls in flight stands, from `start` on and around; −1 if none has room. */
  leastBusy(start: number): number;
  /** Where the first candidate with room stands, from `start` on and around; −1 if none has room. */
  next(start: number): number;
  /** Where a worker stands; −1 if it is not in the view. */
  indexOf(uid: string): number;
}

/**
 * Names workers in order of preference.
 *
 * `delegate` yields uids. It is resumed with `next()` when the worker it named is gone, with
 * `throw(error)` when the worker could not take the task, and with `next(uid)` when that worker
 * accepted, after which it must end.
 */
export interface Balancer {
  /**
   * Names workers for one task, in order of preference, and ends. Runs once per call, and for several calls at a
   * time.
   *
   * @param view The candidates there are, in no particular order; their numbers change under way.
   */
  delegate(
    task: BalancedTask,
    view: readonly Candidate[],
  ): AsyncGenerator<string, void, string | undefined> | Generator<string, void, string | undefined>;
  /**
   * The synchronous fast path, which takes the place of `delegate`; a balancer without it is always driven
   * through `delegate`. The call goes to the candidate named. If that one has no room, the call waits for it
   * in particular, and no other call behind it.
   *
   * @param index Given with larger views.
   * @returns An index in `view`; −1 to wait until anybody has room.
   */
  pick?(task: BalancedTask, view: readonly Candidate[], index?: CandidateIndex): number;
  /** Rebuilds the balancer in a worker, for nested calls; absent: nested calls use the default policy. */
  readonly descriptor?: { readonly kind: string };
}
