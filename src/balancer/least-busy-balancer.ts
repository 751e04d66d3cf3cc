/**
 * The default policy: whoever has the fewest of our calls in flight, in turn among equals.
 *
 * Its only state is the place of the last choice, which decides among equals; one instance may serve any
 * number of pools.
 */
import type { BalancedTask, Balancer, Candidate } from "./balancer.ts";

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
  /** Where the next search begins: just after the last choice, so that equals take turns. */
  #start = 0;

  /** @returns Index of the candidate with room and the fewest calls in flight; −1 if none has room. Takes time linear in the view. */
  pick(_task: BalancedTask, view: readonly Candidate[]): number {
    const index = leastBusy(view, this.#start, NONE, true);
    if (index !== -1) this.#start = index + 1;
    return index;
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
