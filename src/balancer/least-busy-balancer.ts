/**
 * The default policy: chooses the worker with the fewest of our calls in flight, and among equals each in turn,
 * a few calls at a time.
 *
 * Its only state is whose turn it is among equals; one instance may serve any number of pools.
 */
import type { BalancedTask, Balancer, Candidate, CandidateIndex } from "./balancer.ts";

/**
 * Calls in a row that go to the same one among equals before the turn passes on. A worker that has just
 * answered is awake: waking another one for every call costs more than the call, and shows in the median
 * of calls made one at a time. Over any longer stretch the shares are equal.
 */
const TURN_CALLS = 64;

const NONE: ReadonlySet<string> = new Set();

/**
 * Offers a task to the candidate with the fewest calls in flight, and after a failure to the next such.
 *
 * Candidates without room come last: `pick` never chooses one, `delegate` names them when all others have
 * been tried. Every candidate is named at most once per call.
 *
 * @example
 * await using pool = await WorkerPool.open({ balancer: new LeastBusyBalancer() });
 */
export class LeastBusyBalancer implements Balancer {
  readonly descriptor: { readonly kind: "least-busy" } = { kind: "least-busy" };
  /** Where a search begins: whose turn it is among equals. */
  #start = 0;
  /** Choices that have fallen on the one whose turn it is. */
  #taken = 0;

  /** @returns Index of the candidate with room and the fewest calls in flight; −1 if none has room. */
  pick(_task: BalancedTask, view: readonly Candidate[], order?: CandidateIndex): number {
    const start = this.#start < view.length ? this.#start : 0;
    const index = order === undefined ? leastBusy(view, start, NONE, true) : order.leastBusy(start);
    if (index !== -1 && index === start) this.#count(index);
    return index;
  }

  /** Counts a choice that fell on the one whose turn it is, and passes the turn on in time. */
  #count(index: number): void {
    this.#taken += 1;
    if (this.#taken < TURN_CALLS) {
      this.#start = index;
      return;
    }
    this.#taken = 0;
    this.#start = index + 1;
  }

  *delegate(_task: BalancedTask, view: readonly Candidate[]): Generator<string, void, string | undefined> {
    const tried = new Set<string>();
    for (;;) {
      let index = leastBusy(view, this.#start, tried, true);
      if (index === -1) index = leastBusy(view, this.#start, tried, false);
      const candidate = view[index];
      if (candidate === undefined) return;
      this.#start = index + 1;
      tried.add(candidate.uid);
      try {
        if ((yield candidate.uid) !== undefined) return;
      } catch {
        // That worker could not take the task; its error is the driver's to keep. The next one is named.
      }
    }
  }
}

/** Index of the first least busy candidate from `start` on, wrapping around; −1 if none qualifies. */
function leastBusy(
  view: readonly Candidate[],
  start: number,
  tried: ReadonlySet<string>,
  withRoom: boolean,
): number {
  const count = view.length;
  let index = start < count ? start : 0;
  let best = -1;
  let bestInFlight = Number.POSITIVE_INFINITY;
  for (let seen = 0; seen < count; seen++) {
    const candidate = view[index];
    if (
      candidate !== undefined &&
      candidate.inFlight < bestInFlight &&
      (candidate.room || !withRoom) &&
      (tried.size === 0 || !tried.has(candidate.uid))
    ) {
      best = index;
      bestInFlight = candidate.inFlight;
      if (bestInFlight === 0) break;
    }
    index = index + 1 === count ? 0 : index + 1;
  }
  return best;
}
