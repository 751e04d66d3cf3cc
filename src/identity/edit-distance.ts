/** How far apart two texts are, up to a limit: for suggestions. Cost is bounded by length × limit. */

/**
 * Computes the number of insertions, deletions and substitutions that turn one text into another.
 *
 * @param limit The largest distance of interest.
 * @returns The distance, or `Infinity` if it is above `limit`.
 * @see Levenshtein's algorithm within a diagonal band, as Ukkonen gives it.
 */
export function editDistance(a: string, b: string, limit: number): number {
  if (Math.abs(a.length - b.length) > limit) return Number.POSITIVE_INFINITY;
  let previous = Array.from({ length: b.length + 1 }, (_, column) => column);
  for (let row = 1; row <= a.length; row++) {
    const current = new Array<number>(b.length + 1).fill(Number.POSITIVE_INFINITY);
    current[0] = row;
    let least = row;
    for (let column = Math.max(1, row - limit); column <= Math.min(b.length, row + limit); column++) {
      const substituted = at(previous, column - 1) + (a[row - 1] === b[column - 1] ? 0 : 1);
      const distance = Math.min(substituted, at(previous, column) + 1, at(current, column - 1) + 1);
      current[column] = distance;
      least = Math.min(least, distance);
    }
    if (least > limit) return Number.POSITIVE_INFINITY;
    previous = current;
  }
  const distance = at(previous, b.length);
  return distance > limit ? Number.POSITIVE_INFINITY : distance;
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Number.POSITIVE_INFINITY;
}
