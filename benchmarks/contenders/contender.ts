/** What each library under comparison offers to the dispatch benchmark. */

export interface Contender {
  readonly id: "merino" | "merino-network" | "piscina" | "tinypool" | "grpc-dispatch" | "echo";
  /** For the table: with what its workers are made of. */
  readonly name: string;
  /** One trivial call. For the bare socket: the same bytes there and back, without a function. */
  add(x: number, y: number): Promise<unknown>;
  /**
   * Keeps one worker's processor busy for `durationMs`. Only where the comparison is of interest: a round
   * of such calls takes many seconds.
   */
  readonly busy?: (durationMs: number) => Promise<unknown>;
  /** So slow with many calls in flight that it gets a tenth of them. */
  readonly slow?: boolean;
  close(): Promise<void>;
}

/** All contenders that have workers get this many. */
export const WORKERS = 2;
