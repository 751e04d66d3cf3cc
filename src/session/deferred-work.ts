/**
 * The work for one peer that is deferred because what it sends would only fill memory: it goes on in the order in
 * which it came, a little at a time, when the peer takes more again. It does not know what the work is.
 */

/** Something that is deferred. */
export interface Deferrable {
  /** It may go on; called at most once for each time that it was added. */
  resume(): void;
}

/** Work resumed in one turn: whether there is room for more shows only once it has sent something. */
const RESUMED_AT_A_TIME = 16;

/** Work that waits, the oldest first. */
export class DeferredWork {
  readonly #work = new Set<Deferrable>();
  readonly #hasRoom: () => boolean;
  #turnPending = false;

  readonly #nextTurn = (): void => {
    this.#turnPending = false;
    this.resume();
  };

  /** @param hasRoom Whether the peer takes more now. */
  constructor(hasRoom: () => boolean) {
    this.#hasRoom = hasRoom;
  }

  add(work: Deferrable): void {
    this.#work.add(work);
  }

  /** Forgets the work: it need not go on. */
  delete(work: Deferrable): void {
    this.#work.delete(work);
  }

  clear(): void {
    this.#work.clear();
  }

  /** There may be room: resumes what finds some, now and in the turns to come. */
  resume(): void {
    if (this.#work.size === 0 || this.#turnPending) return;
    let resumed = 0;
    for (const work of this.#work) {
      if (!this.#hasRoom()) return; // it is called again when there is
      if (resumed++ === RESUMED_AT_A_TIME) break;
      this.#work.delete(work);
      work.resume();
    }
    if (this.#work.size === 0) return;
    this.#turnPending = true;
    setImmediate(this.#nextTurn);
  }
}
