/** What each library under comparison offers. Where it has no such thing, or that is of no interest, it leaves it out. */

export interface Contender {
  /** For `--rows`, targets and JSON. */
  readonly id: string;
  /** For the table: with what its workers are made of. */
  readonly name: string;
  /** One trivial call. For those without functions: the same bytes there and back. */
  add?(x: number, y: number): Promise<unknown>;
  /**
   * Sends a value to a worker, which sends it back.
   *
   * @param bytes As many as the value has, for those who know no values.
   */
  echo?(value: unknown, bytes: Buffer): Promise<unknown>;
  /** Keeps one worker's processor busy for `durationMs`. */
  readonly busy?: (durationMs: number) => Promise<unknown>;
  /** A body of a length; see `functions/work.mjs`. */
  readonly work?: (units: number) => Promise<unknown>;
  /** So many of these, called by a body, some at a time. */
  readonly workNested?: (units: number, count: number, lanes: number) => Promise<unknown>;
  /** So many of these, divided among its workers beforehand. */
  readonly workDivided?: (units: number, count: number) => Promise<unknown>;
  /** Fibonacci's number by calls that call. */
  readonly fib?: (n: number) => Promise<unknown>;
  /** Gives so many values one after the other; `prefetch` are sent ahead. */
  readonly items?: (count: number, prefetch: number) => AsyncIterable<unknown>;
  /** Answers each message in order, so that messages that follow one another are its stream. */
  readonly isStream?: boolean;
  /** The program that starts it, and how. */
  readonly startProbe?: readonly [file: string, ...args: string[]];
  /** The program that counts what stays of many calls. */
  readonly heapProbe?: readonly [file: string, ...args: string[]];
  close(): Promise<void>;
}

/** All contenders that have workers get this many. */
export const WORKERS = 2;
