/**
 * The workers that are allowed as members and have no place. Former members, which were evicted and are acceptable
 * again, or made way for a preferred worker, return first. The others wait: they came when all places were taken, or had
 * a place and were not reached. This file says who comes next; whether there is a place is up to `membership.ts`. The
 * number of those that wait is bounded.
 */
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Unreached } from "./member.ts";

/** The most workers that wait; those that return are not counted. */
const MAX_WAITING = 1024;

/** One worker without a place. */
export interface RememberedWorker {
  readonly worker: WorkerMetadata;
  /** How the last attempt to reach it failed; absent if it was not tried since it was remembered, or since its address
   * changed. */
  readonly unreached: Unreached | undefined;
}

/** Remembered workers by uid. */
export class RememberedWorkers {
  /** Former members that may be members again: they come before the others. Oldest first. */
  readonly #returning = new Map<string, RememberedWorker>();
  /** Refused for capacity, or not reached. Oldest first. */
  readonly #waiting = new Map<string, RememberedWorker>();

  get size(): number {
    return this.#returning.size + this.#waiting.size;
  }

  has(uid: string): boolean {
    return this.#returning.has(uid) || this.#waiting.has(uid);
  }

  /** Whether the worker is a former member that may come back. */
  isReturning(uid: string): boolean {
    return this.#returning.has(uid);
  }

  /** Remembers one that has been a member. */
  addReturning(worker: WorkerMetadata): void {
    this.#returning.set(worker.uid, { worker, unreached: undefined });
  }

  /** Adds a worker behind those that wait; does nothing if there are too many. */
  addLast(worker: WorkerMetadata, unreached?: Unreached): void {
    if (this.#waiting.size < MAX_WAITING) this.#waiting.set(worker.uid, { worker, unreached });
  }

  /** Replaces the record of a remembered worker. One whose address has changed counts as not tried. */
  refresh(worker: WorkerMetadata): void {
    for (const list of [this.#returning, this.#waiting]) {
      const known = list.get(worker.uid);
      if (known === undefined) continue;
      const moved = known.worker.address !== worker.address || known.worker.socket !== worker.socket;
      list.set(worker.uid, { worker, unreached: moved ? undefined : known.unreached });
    }
  }

  /** Forgets a worker; one that is not here does no harm. */
  delete(uid: string): void {
    this.#returning.delete(uid);
    this.#waiting.delete(uid);
  }

  /** Takes out the first that has not been tried. */
  takeUntried(): RememberedWorker | undefined {
    return this.#takeFirst(({ unreached }) => unreached === undefined);
  }

  /** Takes out the next for a free place: the first not tried or, without one, the first. */
  take(): RememberedWorker | undefined {
    return this.takeUntried() ?? this.#takeFirst(() => true);
  }

  /**
   * Takes out the worker that gets the place of a member that was not reached: the first not tried or, if there is
   * none, the first with no more failed attempts than that member, or due no later. So a worker that may be up in a moment does not wait for
   * one that has been dead for long.
   */
  takeInstead({ attempt, dueMs }: Unreached): RememberedWorker | undefined {
    return (
      this.takeUntried() ??
      this.#takeFirst(
        ({ unreached }) =>
          unreached !== undefined && (unreached.attempt <= attempt || unreached.dueMs <= dueMs),
      )
    );
  }

  /** Why each has no place: former members first, then those that wait, oldest first. */
  refusals(places: number): Refusal[] {
    const taken = `all ${places} places for discovered workers are taken`;
    return [...this.#returning.values(), ...this.#waiting.values()].map(({ worker, unreached }) => ({
      uid: worker.uid,
      reason: "capacity",
      detail:
        unreached === undefined
          ? taken
          : `${taken}; this worker lost its place because it could not be reached: ${unreached.error.message}`,
    }));
  }

  clear(): void {
    this.#returning.clear();
    this.#waiting.clear();
  }

  #takeFirst(fits: (remembered: RememberedWorker) => boolean): RememberedWorker | undefined {
    for (const list of [this.#returning, this.#waiting]) {
      for (const [uid, remembered] of list) {
        if (!fits(remembered)) continue;
        list.delete(uid);
        return remembered;
      }
    }
    return undefined;
  }
}
