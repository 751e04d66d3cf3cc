/**
 * Measures workloads on all sides in turn. Of each pair, every workload is measured in slices that change sides,
 * and a figure of the pair is the mean of its slices: what disturbs the machine for a while disturbs all sides.
 */
import { BenchmarkError } from "../support/benchmark-error.ts";
import { note } from "../support/run.ts";
import type { Builds } from "./build.ts";
import { type BySide, SIDES, type Side, slicesOf } from "./sides.ts";
import {
  type Figures,
  type Subject,
  type SubjectOptions,
  type Suite,
  type Workload,
  WorkloadError,
} from "./suite.ts";
import type { PairFigures } from "./verdict.ts";

export interface InterleaveOptions<W extends Workload> extends SubjectOptions {
  readonly pairs: number;
  /** Those of the suite that are to be measured. */
  readonly workloads: readonly W[];
}

export interface Samples {
  /** By the name of the row, one entry per pair. */
  readonly pairs: ReadonlyMap<string, readonly PairFigures[]>;
  /** Names of workloads that the other commit cannot do, and why. */
  readonly unsupported: ReadonlyMap<string, string>;
}

/**
 * @throws BenchmarkError if the working tree cannot do a workload.
 * @throws whatever fails after the warm-up, on any side: the figures would not be of the same thing.
 */
export async function interleave<W extends Workload>(
  suite: Suite<W>,
  builds: Builds,
  options: InterleaveOptions<W>,
): Promise<Samples> {
  const pairs = new Map<string, PairFigures[]>();
  const unsupported = new Map<string, string>();
  if (options.workloads.length === 0) return { pairs, unsupported };
  for (let first = 0; first < options.pairs; first += suite.pairsPerSubject) {
    const end = Math.min(options.pairs, first + suite.pairsPerSubject);
    await using fresh = await suite.open(builds.new, options);
    await using old = await suite.open(builds.old, options);
    await using twin = await suite.open(builds.old, options);
    const subjects = { new: fresh, old, twin };
    note(`warming up for pairs ${first + 1} to ${end} of ${options.pairs}`);
    for (const workload of options.workloads) {
      if (unsupported.has(workload.name)) continue;
      const reason = await warmUp(workload, subjects);
      if (reason !== undefined) unsupported.set(workload.name, reason);
    }
    for (let pair = first; pair < end; pair++) {
      note(`pair ${pair + 1} of ${options.pairs}`);
      for (const workload of options.workloads) {
        if (unsupported.has(workload.name)) continue;
        const slices = await measureSlices(workload, slicesOf(pair), subjects);
        for (const { name } of workload.rows) {
          const figures = pairs.get(name) ?? [];
          pairs.set(name, figures);
          figures.push({
            new: meanOf(name, slices.new),
            old: meanOf(name, slices.old),
            twin: meanOf(name, slices.twin),
          });
        }
      }
    }
  }
  return { pairs, unsupported };
}

/**
 * Lets every side do a workload once, uncounted.
 *
 * @returns Why the other commit cannot do it; undefined if it can.
 */
async function warmUp<W extends Workload>(
  workload: W,
  subjects: BySide<Subject<W>>,
): Promise<string | undefined> {
  for (const side of SIDES) {
    try {
      await subjects[side].measure(workload);
    } catch (error) {
      if (!(error instanceof WorkloadError)) throw error;
      if (side !== "new") return error.message;
      throw new BenchmarkError(`The working tree fails at '${workload.name}': ${error.message}`, {
        cause: error,
      });
    }
  }
  return undefined;
}

async function measureSlices<W extends Workload>(
  workload: W,
  order: readonly Side[],
  subjects: BySide<Subject<W>>,
): Promise<BySide<readonly Figures[]>> {
  const slices: BySide<Figures[]> = { new: [], old: [], twin: [] };
  for (const side of order) slices[side].push(await subjects[side].measure(workload));
  return slices;
}

/** NaN, which no verdict accepts, if a slice has no such figure. */
function meanOf(row: string, slices: readonly Figures[]): number {
  return slices.reduce((sum, figures) => sum + (figures[row] ?? Number.NaN), 0) / slices.length;
}
