/** Subjects of which every measurement is a process of its own: those of the start-up and memory comparisons. */
import { runProbe } from "../support/probe.ts";
import type { Build } from "./build.ts";
import { type Figures, type Subject, type Workload, WorkloadError } from "./suite.ts";

export interface ProbedOptions<T> {
  /** File among the probes. */
  readonly probe: string;
  readonly args?: readonly string[];
  readonly nodeOptions?: readonly string[];
  readonly signal: AbortSignal;
  /** Takes the figures from what the probe printed. */
  readonly figures: (printed: T) => Figures;
}

export function probed<T>({ folder }: Build, options: ProbedOptions<T>): Subject<Workload> {
  const { probe, figures, ...rest } = options;
  return {
    async measure() {
      let printed: T;
      try {
        printed = await runProbe<T>(probe, { ...rest, folder });
      } catch (error) {
        options.signal.throwIfAborted();
        throw new WorkloadError(error instanceof Error ? error.message : String(error), { cause: error });
      }
      return figures(printed);
    },
    async [Symbol.asyncDispose]() {}, // Between two measurements there is nothing.
  };
}
