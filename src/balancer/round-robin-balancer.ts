/**
 * Every worker in its turn, whatever it is doing.
 *
 * The turn is remembered by uid and moves when a worker is named, not when it accepts: calls made at the same
 * time then start at different workers. Each call remembers the workers it has tried, so that the turns of
 * other calls never make it skip or repeat one.
 */
import type { BalancedTask, Balancer, Candidate, CandidateIndex } from "./balancer.ts";

const NONE: ReadonlySet<string> = new Set();

/**
 * Offers a task to the worker after the one that got the last task, and after a failure to the next in line
 * until every current member has been tried once.
 *
 * Candidates without room come last: `pick` never chooses one, `delegate` names them when all others have
 * been tried. Use one instance per pool: pools that share one share the turn.
 *
 * @example
 * await using pool = await WorkerPool.open({ balancer: new RoundRobinBalancer() });
 */
export class RoundRobinBalancer implements Balancer {
  readonly descriptor: { readonly kind: "round-robin" } = { kind: "round-robin" };
  #lastUid: string | undefined;
  /** The index of `#lastUid`. If that worker has left, its successor is there. */
  #lastIndex = -1;

  /** @returns Index of the next candidate in turn that has room; −1 if none has. */
  pick(_task: BalancedTask, view: readonly Candidate[], order?: CandidateIndex): number {
    const start = this.#start(view, order);
    const index = order === undefined ? nextInLine(view, start, NONE, true) : order.next(start);
    // A read at −1 would leave the engine's fast path; a full pool takes this turn often.
    if (index === -1) return -1;
    const candidate = view[index];
    if (candidate !== undefined) this.#took(candidate, index);
    return index;
  }

  *delegate(_task: BalancedTask, view: readonly Candidate[]): Generator<string, void, string | undefined> {
    const tried = new Set<string>();
    for (;;) {
      const start = this.#start(view);
      let index = nextInLine(view, start, tried, true);
      if (index === -1) index = nextInLine(view, start, tried, false);
      const candidate = view[index];
      if (candidate === undefined) return;
      this.#took(candidate, index);
      tried.add(candidate.uid);
      try {
        if ((yield candidate.uid) !== undefined) return;
      } catch {
        // That worker could not take the task; its error is the driver's to keep. The next one is named.
      }
    }
  }

  #took(candidate: Candidate, index: number): void {
    this.#lastUid = candidate.uid;
    this.#lastIndex = index;
  }

  /** Index just after the worker named last, wherever it stands now. */
  #start(view: readonly Candidate[], order?: CandidateIndex): number {
    if (this.#lastUid === undefined) return 0;
    if (this.#lastIndex < view.length && view[this.#lastIndex]?.uid === this.#lastUid) {
      return this.#lastIndex + 1;
    }
    const index =
      order === undefined ? view.findIndex(({ uid }) => uid === this.#lastUid) : order.indexOf(this.#lastUid);
    return index === -1 ? this.#lastIndex : index + 1;
  }
}

/** Index of the first untried candidate from `start` on, wrapping around; −1 if there is none. */
function nextInLine(
  view: readonly Candidate[],
  start: number,
  tried: ReadonlySet<string>,
  withRoom: boolean,
): number {
  const count = view.length;
  let index = start < count ? start : 0;
  for (let seen = 0; seen < count; seen++) {
    const candidate = view[index];
    if (
      candidate !== undefined &&
      (candidate.room || !withRoom) &&
      (tried.size === 0 || !tried.has(candidate.uid))
    ) {
      return index;
    }
    index = index + 1 === count ? 0 : index + 1;
  }
  return -1;
}
