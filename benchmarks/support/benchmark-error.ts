/** Why a benchmark could not be run, in words that say all there is to know; it is shown without a stack. */
export class BenchmarkError extends Error {
  override readonly name = "BenchmarkError";
  /** What the program ends with. 1 stands for a result that is not good enough, so it is never that. */
  readonly exitCode: number;

  constructor(message: string, { exitCode = 2, cause }: { exitCode?: number; cause?: unknown } = {}) {
    super(message, { cause });
    this.exitCode = exitCode;
  }
}
