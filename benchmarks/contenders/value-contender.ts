/** What each contender offers to the benchmark of values. */

export interface ValueContender {
  readonly id: "merino" | "piscina" | "bare";
  /** For the table. */
  readonly name: string;
  /**
   * Sends a value to a worker, which sends it back.
   *
   * @param bytes As many as the value has, for those who know no values.
   */
  echo(value: unknown, bytes: Buffer): Promise<unknown>;
  /** Takes a large argument and gives nothing back, as far as it is of interest. */
  readonly take?: (bytes: Buffer) => Promise<unknown>;
  readonly add?: (x: number, y: number) => Promise<unknown>;
  close(): Promise<void>;
}
