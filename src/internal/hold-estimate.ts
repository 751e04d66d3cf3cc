/**
 * A running estimate of how long something takes. It rises at once and falls slowly: guessing too high
 * costs a round trip, guessing too low makes others wait behind a long one.
 */

/** Weight of a new, shorter sample. */
const DECAY = 0.1;

/** An estimate in microseconds. */
export class HoldEstimate {
  /** `undefined` until the first sample. */
  us: number | undefined;

  /** Takes a sample in microseconds. */
  add(sampleUs: number): void {
    const { us } = this;
    this.us = us === undefined || sampleUs > us ? sampleUs : us + (sampleUs - us) * DECAY;
  }
}
