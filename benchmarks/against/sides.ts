/**
 * Who is measured, and in which order. Three sides rather than two: the other commit takes part twice, so that a
 * run shows how far two builds that are the same come out different.
 */

/** The working tree, the other commit, and the other commit once more. */
export const SIDES = ["new", "old", "twin"] as const;
export type Side = (typeof SIDES)[number];

export type BySide<T> = Readonly<Record<Side, T>>;

const ORDERS: readonly (readonly Side[])[] = [
  ["new", "old", "twin"],
  ["twin", "new", "old"],
  ["old", "twin", "new"],
  ["twin", "old", "new"],
  ["new", "twin", "old"],
  ["old", "new", "twin"],
];

/**
 * The slices of one pair. The second half mirrors the first, A B B A, so that a machine that becomes slower or
 * faster in that time does so for all alike; and from pair to pair another side comes first.
 *
 * @param pair Counted from 0.
 */
export function slicesOf(pair: number): readonly Side[] {
  const order = ORDERS[pair % ORDERS.length] ?? SIDES;
  return [...order, ...order.toReversed()];
}
