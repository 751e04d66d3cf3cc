/** One line of a comparison: a figure that both commits have, and how it is read. */
import { BenchmarkError } from "../support/benchmark-error.ts";

export interface Row {
  /** Parts separated by slashes, from the general to the particular: `network/one/p99`. */
  readonly name: string;
  readonly unit: string;
  readonly better: "higher" | "lower";
  /** The share by which the figure may be worse and still count as the same. */
  readonly tolerance: number;
}

/** For what is measured; figures that are exact have none. */
export const TOLERANCE = 0.03;

/**
 * Chooses rows by name.
 *
 * @param wanted Names, or some of their parts: `network/one` and `one` both mean `network/one/p99`, among others.
 *   None means all rows.
 * @throws BenchmarkError if one of them means no row.
 */
export function chooseRows<R extends Row>(rows: readonly R[], wanted: readonly string[]): readonly R[] {
  const means = (name: string) => (row: Row) => `/${row.name}/`.includes(`/${name}/`);
  for (const name of wanted) {
    if (rows.some(means(name))) continue;
    const names = rows.map((row) => `  ${row.name}`).join("\n");
    throw new BenchmarkError(
      `No row is called '${name}'. There are\n${names}\nand parts of names choose several.`,
    );
  }
  return wanted.length === 0 ? rows : rows.filter((row) => wanted.some((name) => means(name)(row)));
}
