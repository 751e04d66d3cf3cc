/**
 * The few statistics the benchmarks need. Medians rather than means: one round disturbed by another
 * program on the machine must not decide a figure.
 */

/**
 * Returns the value below which a share of the values lies (nearest rank).
 *
 * @param share From 0 to 1: 0.5 for the median, 0.99 for the 99th percentile.
 * @throws RangeError if there are no values.
 */
export function percentile(values: ArrayLike<number>, share: number): number {
  const sorted = Float64Array.from(values).sort();
  const rank = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  const value = sorted[rank];
  if (value === undefined) throw new RangeError("Cannot take a percentile of no values");
  return value;
}

export function median(values: ArrayLike<number>): number {
  return percentile(values, 0.5);
}

/**
 * Divides two series measured in the same rounds, round by round, and returns the median quotient.
 *
 * A machine that is slow for one round slows both sides of that round's quotient, so this is steadier
 * than the quotient of the two medians (from which it may differ a little).
 */
export function medianRatio(values: readonly number[], baseline: readonly number[]): number {
  return median(values.map((value, round) => value / (baseline[round] ?? Number.NaN)));
}

/** Returns a generator of uniform numbers in [0, 1) that gives the same series for the same seed (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
