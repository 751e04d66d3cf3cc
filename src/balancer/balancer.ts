/** The balancer port: in which order workers are offered a task. */
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** The task, as far as a balancer may know it. */
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
  /** The uid that `delegate` yields to name it. */
  readonly uid: string;
  /** Its record, with its tags. */
  readonly metadata: WorkerMetadata;
  /** Calls of this proxy that the worker has not settled. */
  readonly inFlight: number;
  /** Whether this call may be sent to it now. Always true for nested calls. */
  readonly room: boolean;
}

/**
 * Finds a candidate in a large `view` without looking at all of them. When an index is passed, the array `view`
 * is never changed in place: if a worker comes or goes, the next call gets a new array. So positions remembered
 * for an array hold as long as the same array is passed.
 */
export interface CandidateIndex {
  /**
   * Index of the candidate with room that has the fewest calls in flight; among equals the first from `start` on,
   * wrapping at the end; −1 if none has room.
   */
  leastBusy(start: number): number;
  /** Index of the first candidate with room from `start` on, wrapping at the end; −1 if none has room. */
  next(start: number): number;
  /** Index of a worker; −1 if it is not in the view. */
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
   * Names workers for one task, in order of preference, and ends. Called once per call; the generators of
   * several calls may run at the same time.
   *
   * @param view The candidates, in no particular order. `inFlight` and `room` may change while the generator runs.
   */
  delegate(
    task: BalancedTask,
    view: readonly Candidate[],
  ): AsyncGenerator<string, void, string | undefined> | Generator<string, void, string | undefined>;
  /**
   * The synchronous fast path, which takes the place of `delegate`; a balancer without it is always driven
   * through `delegate`. The call goes to the candidate named. If that worker has no room, the call waits for
   * that worker only, and holds up no other call.
   *
   * @param index Passed with large views.
   * @returns An index in `view`; −1 to wait until any worker has room.
   */
  pick?(task: BalancedTask, view: readonly Candidate[], index?: CandidateIndex): number;
  /** Rebuilds the balancer in a worker, for nested calls; absent: nested calls use the default policy. */
  readonly descriptor?: { readonly kind: string };
}

/** Makes a balancer for a pool or proxy that is opened; it is closed with that, if it has a way to be closed. */
export type BalancerFactory = () => Balancer | PromiseLike<Balancer>;
