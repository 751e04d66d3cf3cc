/**
 * The workers that are allowed as members and have no place. Former members, which were evicted and are acceptable
 * again, or made way for a preferred worker, return first. The others wait: they came when all places were taken, or had
 * a place and were not reached. This file says who comes next; whether there is a place is up to `places.ts`. The
 * number of those that wait is bounded: where there are too many, those that were not reached give way to newcomers.
 */
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { Unreached } from "../members/member.ts";

/**
 * The most workers that wait; those that return are not counted. A `StaticDiscovery` may name as many, all at once, and
 * any of them may be the only one that lives.
 */
export const MAX_WAITING = 10_000;
/** How many of those that wait are told of. Each call that fails tells of them. */
const MAX_TOLD = 1024;

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
  /** Uids of those that wait and were not reached. The one tried the longest ago first. */
  readonly #unreached = new Set<string>();

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

  /**
   * Adds a worker behind those that wait. If there are too many, one that has not been tried takes the place of one that
   * was not reached; without any, and for one that was not reached itself, it does nothing.
   *
   * @returns Whether it is remembered.
   */
  addLast(worker: WorkerMetadata, unreached?: Unreached): boolean {
    if (this.#waiting.size >= MAX_WAITING) {
      const [unlikely] = unreached === undefined ? this.#unreached : [];
      if (unlikely === undefined) return false;
      this.delete(unlikely);
    }
    this.#waiting.set(worker.uid, { worker, unreached });
    if (unreached !== undefined) this.#unreached.add(worker.uid);
    return true;
  }

  /** Replaces the record of a remembered worker. One whose address has changed counts as not tried. */
  refresh(worker: WorkerMetadata): void {
    for (const list of [this.#returning, this.#waiting]) {
      const known = list.get(worker.uid);
      if (known === undefined) continue;
      const moved = known.worker.address !== worker.address || known.worker.socket !== worker.socket;
      list.set(worker.uid, { worker, unreached: moved ? undefined : known.unreached });
      if (moved) this.#unreached.delete(worker.uid);
    }
  }

  /** Forgets a worker; one that is not here does no harm. */
  delete(uid: string): void {
    this.#returning.delete(uid);
    this.#waiting.delete(uid);
    this.#unreached.delete(uid);
  }

  /** Takes out the first that has not been tried. */
  takeUntried(): RememberedWorker | undefined {
    if (this.#unreached.size === this.size) return undefined; // without a look at each of them
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

  /** Why they have no place: former members first, then those that wait, oldest first, of very many only some. */
  refusals(places: number): Refusal[] {
    const taken = `all ${places} places for discovered workers are taken`;
    const told = [...this.#returning.values()];
    for (const remembered of this.#waiting.values()) {
      if (told.length >= this.#returning.size + MAX_TOLD) break;
      told.push(remembered);
    }
    return told.map(({ worker, unreached }) => ({
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
    this.#unreached.clear();
  }

  #takeFirst(fits: (remembered: RememberedWorker) => boolean): RememberedWorker | undefined {
    for (const list of [this.#returning, this.#waiting]) {
      for (const [uid, remembered] of list) {
        if (!fits(remembered)) continue;
        this.delete(uid);
        return remembered;
      }
    }
    return undefined;
  }
}
