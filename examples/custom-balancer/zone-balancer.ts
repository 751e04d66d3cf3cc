/**
 * A balancer of one's own: near workers first, then the least busy. A worker says where it is in
 * `extra.zone`; the balancer is told where the caller is.
 */
import type { BalancedTask, Balancer, Candidate } from "merino";

/**
 * Prefers workers of the caller's zone, among them the one with the fewest of our calls in flight, and takes
 * turns among equals. Calls go to other zones only when no near worker has room.
 *
 * It has no `descriptor`: calls made inside routines use the default policy. That is right here, because the
 * worker that makes them may well be in another zone.
 *
 * @example
 * await using pool = await WorkerPool.open({ discovery, balancer: new ZoneBalancer("eu-1") });
 */
export class ZoneBalancer implements Balancer {
  readonly #zone: string;
  /** Where a search begins, so that equals take turns. */
  #start = 0;

  /** @param zone What near workers have in `extra.zone`. */
  constructor(zone: string) {
    this.#zone = zone;
  }

  /** The fast path: called for every call, answers at once, allocates nothing. */
  pick(_task: BalancedTask, view: readonly Candidate[]): number {
    const index = this.#best(view);
    if (view[index]?.room !== true) return -1; // The call waits until a worker has room.
    this.#start = index + 1;
    return index;
  }

  /** Names one worker after the other until one takes the call. */
  *delegate(_task: BalancedTask, view: readonly Candidate[]): Generator<string, void, string | undefined> {
    const tried = new Set<string>();
    for (;;) {
      // Looked up anew each time: the view is live, workers come and go while a call is being placed.
      const index = this.#best(view, tried);
      const candidate = view[index];
      if (candidate === undefined) return;
      this.#start = index + 1;
      tried.add(candidate.uid);
      try {
        if ((yield candidate.uid) !== undefined) return; // Accepted.
      } catch {
        // That worker could not take the call. The pool knows why; the balancer names the next one.
      }
    }
  }

  /** Index of the best candidate that has not been tried; −1 if there is none. */
  #best(view: readonly Candidate[], tried?: ReadonlySet<string>): number {
    let best = -1;
    let bestRank = Number.POSITIVE_INFINITY;
    let bestInFlight = Number.POSITIVE_INFINITY;
    for (let step = 0; step < view.length; step++) {
      const index = (this.#start + step) % view.length;
      const candidate = view[index];
      if (candidate === undefined || tried?.has(candidate.uid)) continue;
      const rank = this.#rank(candidate);
      if (rank < bestRank || (rank === bestRank && candidate.inFlight < bestInFlight)) {
        best = index;
        bestRank = rank;
        bestInFlight = candidate.inFlight;
      }
    }
    return best;
  }

  /** The smaller, the better. Room counts more than nearness: a call that waits is slower than one that travels. */
  #rank({ room, metadata }: Candidate): number {
    return (room ? 0 : 2) + (metadata.extra.zone === this.#zone ? 0 : 1);
  }
}
