/**
 * Whether a row is better, the same or worse: the median of the ratios new to old, beside how far the ratios of
 * the other commit to itself lie apart. Pure; it measures nothing.
 */
import { median, percentile } from "../support/statistics.ts";
import type { Row } from "./row.ts";
import type { BySide } from "./sides.ts";

/** A row's figures in one pair. */
export type PairFigures = BySide<number>;

export interface Verdict {
  /** Medians of the figures themselves. */
  readonly old: number;
  readonly new: number;
  /** The working tree's quotient in each pair, turned so that above 1 it is better. */
  readonly ratios: readonly number[];
  /** Their median. */
  readonly ratio: number;
  /** The other commit's quotient with itself in each pair. */
  readonly ownRatios: readonly number[];
  /**
   * Within which factor of 1 these lie, 95 of 100 of them; with less than 20 pairs, all. From 1 up. Which of the
   * two equal sides is above the line does not matter.
   */
  readonly spread: number;
  readonly verdict: "better" | "same" | "worse";
}

/** The share of the other commit's own ratios that its spread comprises. */
const SHARE = 0.95;

/**
 * Judges a row. It is worse if the median ratio is below 1 by more than the row's tolerance and by more than the
 * spread, and better likewise.
 *
 * @throws RangeError if there are no pairs, or a figure is not a positive number: no ratio can be made of it.
 */
export function judge(row: Row, pairs: readonly PairFigures[]): Verdict {
  for (const figure of pairs.flatMap((pair) => Object.values(pair))) {
    if (!(figure > 0 && figure < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`The row '${row.name}' has a figure of ${figure}, which cannot be compared`);
    }
  }
  const gain = (figure: number, baseline: number) =>
    row.better === "higher" ? figure / baseline : baseline / figure;
  const ratios = pairs.map((pair) => gain(pair.new, pair.old));
  const ownRatios = pairs.map((pair) => gain(pair.twin, pair.old));
  const ratio = median(ratios);
  const spread = percentile(
    ownRatios.map((own) => Math.max(own, 1 / own)),
    SHARE,
  );
  const least = Math.min(1 - row.tolerance, 1 / spread);
  return {
    old: median(pairs.map((pair) => pair.old)),
    new: median(pairs.map((pair) => pair.new)),
    ratios,
    ratio,
    ownRatios,
    spread,
    verdict: ratio < least ? "worse" : ratio > 1 / least ? "better" : "same",
  };
}
