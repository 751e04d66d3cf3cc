/**
 * Decides which workers are replaced at a time: one, and further ones only while half of the workers are not being replaced.
 * The others wait for their turn, first come, first served, and serve meanwhile. It starts and ends none.
 */

/** The workers among which turns are given. */
export interface WorkersInTurn {
  /** How many there are to be. */
  readonly total: number;
  /** How many of them serve now, those that are being replaced included. */
  readonly serving: number;
}

/** The turns of one pool, or of one command. */
export class RecycleTurns {
  readonly #workers: () => WorkersInTurn;
  /** What begins the replacement of those that wait, by uid. */
  readonly #waiting = new Map<string, () => void>();
  readonly #active = new Set<string>();

  constructor(workers: () => WorkersInTurn) {
    this.#workers = workers;
  }

  /** Workers whose replacement has begun, and is not over. */
  get active(): ReadonlySet<string> {
    return this.#active;
  }

  /** Has `begin` called once it is the turn of a worker, perhaps at once. A second request changes nothing. */
  request(uid: string, begin: () => void): void {
    if (this.#active.has(uid) || this.#waiting.has(uid)) return;
    this.#waiting.set(uid, begin);
    this.review();
  }

  /** A worker needs no turn any more: another one has taken its place, or it has gone. */
  done(uid: string): void {
    this.#waiting.delete(uid);
    if (this.#active.delete(uid)) this.review();
  }

  /** Gives turns, as many as there are: also when further workers serve. */
  review(): void {
    for (const [uid, begin] of this.#waiting) {
      if (!this.#mayBegin()) return;
      this.#waiting.delete(uid);
      this.#active.add(uid);
      begin();
    }
  }

  /** Nobody has a turn any more. */
  clear(): void {
    this.#waiting.clear();
    this.#active.clear();
  }

  #mayBegin(): boolean {
    if (this.#active.size === 0) return true;
    const { total, serving } = this.#workers();
    return 2 * (serving - this.#active.size - 1) >= total;
  }
}
