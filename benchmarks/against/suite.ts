/** What a benchmark has to offer to be compared: its rows, and a way to measure them on one build. */
import type { Build } from "./build.ts";
import type { Row } from "./row.ts";

/** Positive numbers by the names of rows. */
export type Figures = Readonly<Record<string, number>>;

/** What is measured at one go, and gives the figures of one row or several. */
export interface Workload {
  readonly name: string;
  readonly rows: readonly Row[];
}

export interface Suite<W extends Workload = Workload> {
  readonly workloads: readonly W[];
  /**
   * After so many pairs the subjects are opened anew. How a process happens to lie in memory and what the compiler
   * has made of it stay the same as long as it lives, and must not decide all pairs.
   */
  readonly pairsPerSubject: number;
  open(build: Build, options: SubjectOptions): Promise<Subject<W>>;
}

export interface SubjectOptions {
  /** Less and shorter; the figures are rough. */
  readonly quick: boolean;
  readonly signal: AbortSignal;
}

/** One build, ready to be measured again and again. */
export interface Subject<W extends Workload> extends AsyncDisposable {
  /** @throws WorkloadError if this build cannot do it, for example because it is older than what is measured. */
  measure(workload: W): Promise<Figures>;
}

/** A workload failed, which says nothing about the others. */
export class WorkloadError extends Error {
  override readonly name = "WorkloadError";
}
