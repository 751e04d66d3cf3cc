/** What came of an attack, and the row of the table that says so. */

/** It may make a process take so many times its budget. */
const MOST_TIMES = 1.25;

/** What came of an attack. */
export interface Outcome {
  /** What the attacker says that it has done: bytes that it has sent, or how often. */
  readonly done: number;
  /** By how much the memory of the attacked process grew at most, as a part of the budget. */
  readonly times: number;
  /** Processors that the process kept busy. */
  readonly processors: number;
  /** What the calls took that had nothing to do with it, in milliseconds, the shortest first. */
  readonly tookMs: readonly number[];
  /**
   * For how many milliseconds the threads of the attacked process that have to do with such a call ran during one, at most:
   * what it waited for beyond that, it waited for a processor.
   */
  readonly mostWorkMs: number;
  /** Those calls that failed. */
  readonly failed: number;
  /** What else should not be. */
  readonly faults: readonly string[];
}

/** All that should not be. */
export function faultsOf({ times, failed, tookMs, faults }: Outcome): string[] {
  return [
    ...faults,
    ...(tookMs.length > failed ? [] : ["no call was answered"]),
    ...(times > MOST_TIMES ? ["it took too much memory"] : []),
  ];
}

/** The heads of its columns, and how they look in Markdown. */
export const HEADS = [
  "attack",
  "before",
  "memory, of the budget",
  "processors",
  "calls beside it",
  "half within",
  "99 % within",
  "all within",
  "of that the process ran",
  "faults",
] as const;

/** A row of cells in Markdown. */
export function rowOf(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

/** The cells of one attack. */
export function cellsOf(what: string, before: string, outcome: Outcome): string[] {
  const { times, processors, tookMs, failed, mostWorkMs } = outcome;
  const within = (part: number): string => {
    const ms = tookMs[Math.min(tookMs.length - 1, Math.floor(tookMs.length * part))] ?? Number.NaN;
    return `${ms.toFixed(ms < 10 ? 1 : 0)} ms`;
  };
  return [
    what,
    before,
    `${times.toFixed(2)} ×`,
    processors.toFixed(2),
    failed === 0 ? String(tookMs.length) : `${tookMs.length}, ${failed} failed`,
    within(0.5),
    within(0.99),
    within(1),
    `${mostWorkMs.toFixed(0)} ms`,
    faultsOf(outcome).join("; "),
  ];
}
