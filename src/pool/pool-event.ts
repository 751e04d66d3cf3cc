/** What happens in a pool, as `events()` reports it. Data only. */
import type { TaskEvent } from "../client/dispatch/task-event.ts";
import type { QueueEvent } from "../client/waiting/queue-bound.ts";
import type { ReservationEnd } from "../errors/reservation-lost-error.ts";
import type { Resources } from "../internal/amounts.ts";
import type { WearReason } from "../process/recycle/recycle-options.ts";

/** One event. */
export type PoolEvent = WorkerEvent | QueueEvent | ReservationEvent | TaskEvent;

/** What happens to the reservations of the pool. */
export type ReservationEvent =
  | {
      readonly type: "reservation-granted";
      /** The uid of the worker that keeps the resources. */
      readonly worker: string;
      readonly resources: Resources;
    }
  | {
      readonly type: "reservation-ended";
      readonly worker: string;
      readonly resources: Resources;
      readonly end: ReservationEnd;
    };

/** Why a worker that serves gets no more calls. */
export type RetirementReason = "reload" | "recycled" | "surplus";

/** What happens to the workers that a pool spawns. */
export type WorkerEvent =
  | { readonly type: "worker-starting"; readonly uid: string }
  | { readonly type: "worker-ready"; readonly uid: string; readonly pid: number }
  /** A worker that serves is told to end in order, since the pool closes or another has taken its place. */
  | { readonly type: "worker-stopping"; readonly uid: string }
  | {
      readonly type: "worker-exited";
      readonly uid: string;
      readonly pid: number | undefined;
      readonly exitCode: number | undefined;
      readonly signal: string | undefined;
      /** Whether the pool ended it. */
      readonly expected: boolean;
      /** The last lines it wrote to standard error. */
      readonly stderr: string;
    }
  | { readonly type: "worker-failed"; readonly uid: string; readonly error: Error }
  /** A worker is about to be replaced, in `delay` milliseconds. `attempt` counts the deaths, or the failed imports, in a row. */
  | { readonly type: "worker-replacing"; readonly attempt: number; readonly delay: number }
  /**
   * A worker has reached a limit of `recycle`, `value` in calls, milliseconds or bytes: one that is to take its place is
   * started.
   */
  | {
      readonly type: "worker-recycling";
      readonly uid: string;
      readonly reason: WearReason;
      readonly value: number;
    }
  /**
   * A worker that serves gets no more calls, and ends when it has finished those that it has: the program has reloaded a
   * module (`reload`) and another one takes its place; another one has (`recycled`); or there are more than there is work
   * for (`surplus`).
   */
  | { readonly type: "worker-retired"; readonly uid: string; readonly reason: RetirementReason }
  /** The pool has other than `from` workers from now on, for so many milliseconds of work in all. */
  | { readonly type: "pool-resized"; readonly from: number; readonly size: number; readonly work: number }
  /**
   * A worker was killed because `culprit` blocked it: a routine that went on after its cancellation, or a module, by
   * its URL, whose import took longer than it may.
   */
  | { readonly type: "worker-unresponsive"; readonly uid: string; readonly culprit: string };
