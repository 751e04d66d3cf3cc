/**
 * Workers that were retracted a moment ago. A host's packets arrive on several sockets, so an old announcement may be
 * read after the worker was retracted. Such an announcement must not bring the worker back.
 */

/** How long an older announcement may still be read. */
const ECHO_MS = 5_000;

const MAX_DEPARTURES = 4_096;

/** Departures by uid, oldest first. */
export class LanDepartures {
  readonly #now: () => number;
  readonly #departures = new Map<string, { readonly revision: number; readonly untilMs: number }>();

  /** @param now Milliseconds on a monotonic clock. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Notes that a worker was retracted, by an announcement of this revision. */
  add(uid: string, revision: number): void {
    this.#departures.delete(uid);
    this.#departures.set(uid, { revision, untilMs: this.#now() + ECHO_MS });
    const oldest = this.#departures.keys().next();
    if (this.#departures.size > MAX_DEPARTURES && !oldest.done) this.#departures.delete(oldest.value);
  }

  /** Tells whether an announcement of this revision is from before the worker was retracted. */
  isEcho(uid: string, revision: number): boolean {
    const departure = this.#departures.get(uid);
    return departure !== undefined && revision <= departure.revision && this.#now() < departure.untilMs;
  }

  /** Forgets departures older than {@link ECHO_MS}. */
  expire(): void {
    const now = this.#now();
    for (const [uid, { untilMs }] of this.#departures) {
      if (now >= untilMs) this.#departures.delete(uid);
    }
  }
}
