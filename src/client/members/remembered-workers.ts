/**
 * The workers that may be members and have no place: those that were evicted and fit again, those that came when all
 * places were taken, and those that had a place and were not reached. It says who comes next; whether there is a place
 * is up to `membership.ts`. The number of those that wait is bounded.
 */
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Unreached } from "./member.ts";

/** Workers that wait at a time, those that return not counted. */
const MAX_WAITING = 1024;

/** One worker without a place. */
export interface RememberedWorker {
  readonly worker: WorkerMetadata;
  /** How it went when it had a place; absent: it was not tried since it was last evicted, or has moved. */
  readonly unreached: Unreached | undefined;
}

/** Remembered workers by uid. */
export class RememberedWorkers {
  /** Evicted before, and found to fit again: they come before the others. Oldest first. */
  readonly #returning = new Map<string, RememberedWorker>();
  /** Refused for capacity, or not reached. Oldest first. */
  readonly #waiting = new Map<string, RememberedWorker>();

  get size(): number {
    return this.#returning.size + this.#waiting.size;
  }

  has(uid: string): boolean {
    return this.#returning.has(uid) || this.#waiting.has(uid);
  }

  /** Whether the worker has been evicted before, and fits again. */
  isReturning(uid: string): boolean {
    return this.#returning.has(uid);
  }

  /** Remembers one that has been a member. */
  addReturning(worker: WorkerMetadata): void {
    this.#returning.set(worker.uid, { worker, unreached: undefined });
  }

  /** Remembers one as the last, if there is room for it. */
  addLast(worker: WorkerMetadata, unreached?: Unreached): void {
    if (this.#waiting.size < MAX_WAITING) this.#waiting.set(worker.uid, { worker, unreached });
  }

  /** Takes a new record of a remembered worker. One that has moved counts as not tried. */
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
   * Takes out the one to which a member that was not reached gives its place: the first not tried or, without one, the
   * first that was tried as little, or is to be tried sooner. So a worker that may be up in a moment does not wait for
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

  /** Why each has no place, the next first. */
  refusals(places: number): Refusal[] {
    const taken = `all ${places} places for discovered workers are taken`;
    return [...this.#returning.values(), ...this.#waiting.values()].map(({ worker, unreached }) => ({
      uid: worker.uid,
      reason: "capacity",
      detail:
        unreached === undefined
          ? taken
          : `${taken}; it gave its own up since it was not reached: ${unreached.error.message}`,
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
