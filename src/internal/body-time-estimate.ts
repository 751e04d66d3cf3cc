/**
 * How long the bodies of routines are expected to occupy the thread of their worker, learned from those that
 * have run.
 *
 * Owns neither the routines nor the measuring. An estimate rises at once and falls slowly: guessing too high
 * costs a round trip, guessing too low makes others wait behind a long body.
 */

/** Weight of a new, shorter sample. */
const DECAY = 0.1;

/** The estimate for one routine. */
export class BodyTimeEstimate {
  /** Microseconds; `undefined` until the first sample. */
  us: number | undefined;

  /** Takes a sample in microseconds. */
  add(sampleUs: number): void {
    const { us } = this;
    this.us = us === undefined || sampleUs > us ? sampleUs : us + (sampleUs - us) * DECAY;
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
