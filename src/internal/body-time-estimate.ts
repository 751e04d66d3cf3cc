/**
 * How long the bodies of routines are expected to occupy the thread of their worker, learned from those that
 * have run.
 *
 * Owns neither the routines nor the measuring. An estimate rises at once and falls slowly: guessing too high
 * costs a round trip, guessing too low makes others wait behind a long body.
 *
 * A body that soon suspends is counted with a part of its time only: such calls are to be spread evenly over all
 * workers, and if few of them were let out at a time, whichever worker happens to run first would get most. Of what
 * such bodies take, the least is believed: their first ones are slow, and a busy machine adds to what is measured.
 */

/** Weight of a new, shorter sample. */
const DECAY = 0.1;
/** Up to this time before it first suspends, in microseconds, a body counts as one that waits for something. */
const SOON_US = 1000;
/** The part of its time with which such a body counts. */
const WAITING_PART = 1 / 16;

/** The estimate for one routine. */
export class BodyTimeEstimate {
  /** Microseconds; `undefined` until the first sample. */
  us: number | undefined;
  /** About the least that bodies took before they suspended, in microseconds; `undefined` until one has. */
  #parkedUs: number | undefined;
  /** What `us` was set to for the last of those. */
  #parkedShareUs: number | undefined;

  /** Takes a sample in microseconds. */
  add(sampleUs: number): void {
    const { us } = this;
    this.us = us === undefined || sampleUs > us ? sampleUs : us + (sampleUs - us) * DECAY;
  }

  /**
   * Takes a sample of a body that has suspended, in microseconds.
   *
   * @returns Whether the estimate is far below what it was, or new: calls under way count with too much.
   */
  addParked(sampleUs: number): boolean {
    const before = this.us;
    const least = this.#parkedUs;
    const parkedUs = least === undefined || sampleUs < least ? sampleUs : least + (sampleUs - least) * DECAY;
    const shareUs = parkedUs <= SOON_US ? parkedUs * WAITING_PART : parkedUs;
    // Bodies that do not suspend come in between: they weigh as always.
    if (before === undefined || before === this.#parkedShareUs) this.us = shareUs;
    else this.add(shareUs);
    this.#parkedUs = parkedUs;
    this.#parkedShareUs = this.us;
    return before === undefined || (this.us ?? 0) < before / 2;
  }
}

/** One estimate for each routine, forgotten with the routine. */
export class BodyTimeEstimates {
  readonly #byRoutine = new WeakMap<object, BodyTimeEstimate>();

  /**
   * The estimate for a routine, always the same object.
   *
   * @param definition The object that stands for the routine in this process; compared by reference.
   */
  of(definition: object): BodyTimeEstimate {
    let estimate = this.#byRoutine.get(definition);
    if (estimate === undefined) {
      estimate = new BodyTimeEstimate();
      this.#byRoutine.set(definition, estimate);
    }
    return estimate;
  }
}
