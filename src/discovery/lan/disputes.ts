/**
 * Announcements that differ from what other hosts have announced. A host's packets arrive on several sockets, so the
 * first of a worker's announcements may be read from one of its addresses only, and a change of it from another
 * address before its repetition. Whoever is in the right is believed shortly after; only of the others it is worth
 * telling.
 */

/** How long the other packets of a host may be on their way. */
const SETTLES_MS = 3_000;

const MAX_DISPUTES = 256;

/** A host that is not believed about a worker. */
export interface Dispute {
  readonly source: string;
  readonly uid: string;
}

/** Disputes by host, one of each, oldest first. */
export class LanDisputes {
  readonly #now: () => number;
  readonly #disputes = new Map<string, { readonly uid: string; readonly untilMs: number }>();

  /** @param now Milliseconds on a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes that a host is not believed about a worker, unless another case of it is open. */
  open(source: string, uid: string): void {
    if (this.#disputes.has(source) || this.#disputes.size >= MAX_DISPUTES) return;
    this.#disputes.set(source, { uid, untilMs: this.#now() + SETTLES_MS });
  }

  /** Takes out the disputes that have been open for {@link SETTLES_MS}. */
  *takeDue(): Generator<Dispute> {
    const now = this.#now();
    for (const [source, { uid, untilMs }] of this.#disputes) {
      if (now < untilMs) return;
      this.#disputes.delete(source);
      yield { source, uid };
    }
  }
}
