/** A row of the benchmark: one thing that contenders are asked to do. Each has a file here, or an entry in one. */
import type { Contender } from "../contenders/contender.ts";

/** One measurement of one contender. */
export interface Slice {
  /** About how long it takes. */
  readonly ms: number;
  /** Processor time of this process and of the contender's others so far, in microseconds. */
  cpuUs(): number;
}

/** One of a row's figures. */
export interface Figure {
  readonly key: string;
  /** With its unit, for the table. */
  readonly head: string;
  readonly digits?: number;
}

export interface Row {
  /** For `--rows`, targets and JSON. */
  readonly name: string;
  readonly title: string;
  readonly figures: readonly Figure[];
  /** How often it is measured, full and quick, where that is not as often as others. */
  readonly rounds?: readonly [full: number, quick: number];
  /** @returns Its figures, or `undefined` if the contender has no such thing. */
  measure(contender: Contender, slice: Slice): Promise<Readonly<Record<string, number>> | undefined>;
}
