/**
 * Has a change made anything slower? `npm run bench -- --against REF` builds another commit beside the working
 * tree and measures both in one run, on the same machine in the same minutes. `bench:start-up` and `bench:memory`
 * take the same option.
 *
 *     --against REF       a branch, a tag, a hash, HEAD~3
 *     --pairs n           how often both are measured (default 9; 3 with --quick)
 *     --rows name,name    only these rows; parts of names choose several: network, one, processes/one/p99
 *     --quick             short slices: shows that everything runs; the verdicts are rough
 *     --json              one document on standard output, every ratio included
 *     --check             exit code 1 if a row is worse
 *
 * What it prints for each row:
 *
 * - The medians of the figures, and the **ratio**: the median over the pairs of new to old, turned so that above 1
 *   the working tree is better. The range is from the lowest to the highest ratio of a pair.
 * - **A/A**, the yardstick: the other commit runs a second time, as a third side, and this is how far its figures
 *   are from its own. A row whose A/A is ± 12 % cannot show less than that.
 * - The verdict: **worse** if the ratio is below 0.97 and outside A/A, better likewise, otherwise the same. The
 *   sizes of `dist/` are exact, and worse as soon as they are larger.
 *
 * How it comes to its figures: each side is a process of its own, with workers of its own, in a folder with its own
 * `dist/`; all run the same programs (`program/`), which use the public interface only, so that older commits can
 * take part. A row that the other commit cannot run is named and left out. Start-up is not measured (but by
 * `bench:start-up`): a side is warmed up, then measured in short slices in the order A B B A, another side being
 * first in each pair, and replaced by a fresh process every few pairs.
 */
import { fileURLToPath } from "node:url";
import type { ComparisonOptions } from "../support/options.ts";
import type { Outcome } from "../support/run.ts";
import { type Builds, prepareBuilds } from "./build.ts";
import { describeWorkingTree, findCommit } from "./commit.ts";
import { DIST_ROWS, measureDist } from "./dist-size.ts";
import { interleave } from "./interleave.ts";
import { watchForInterruption } from "./interruption.ts";
import { report } from "./report.ts";
import { chooseRows } from "./row.ts";
import type { Suite, Workload } from "./suite.ts";
import { judge, type PairFigures } from "./verdict.ts";
import { openWorkspace } from "./workspace.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/**
 * Compares the working tree, as it has last been built, with a commit.
 *
 * @throws BenchmarkError if that cannot be done, or is interrupted; nothing is left behind then either.
 */
export async function compareWithCommit<W extends Workload>(
  suite: Suite<W>,
  options: ComparisonOptions,
): Promise<Outcome> {
  const all = [...suite.workloads.flatMap((workload) => workload.rows), ...DIST_ROWS];
  const rows = chooseRows(all, options.rows);
  using interruption = watchForInterruption();
  const repository = { root: ROOT, signal: interruption.signal };
  try {
    const commit = await findCommit(options.ref, repository);
    const workingTree = await describeWorkingTree(repository);
    await using workspace = await openWorkspace();
    const builds = await prepareBuilds(commit, workspace.folder, repository);
    const samples = await interleave(suite, builds, {
      pairs: options.pairs,
      quick: options.quick,
      workloads: suite.workloads.filter((workload) => workload.rows.some((row) => rows.includes(row))),
      signal: interruption.signal,
    });
    const pairs = new Map([...samples.pairs, ...(await sizes(builds))]);
    const judged = rows.flatMap((row) => {
      const figures = pairs.get(row.name);
      return figures === undefined ? [] : [{ row, ...judge(row, figures) }];
    });
    return report({ commit, workingTree, judged, unsupported: samples.unsupported, pairs: options.pairs });
  } catch (error) {
    interruption.signal.throwIfAborted(); // What fails after that fails because of it.
    throw error;
  }
}

async function sizes(builds: Builds): Promise<ReadonlyMap<string, readonly PairFigures[]>> {
  const [fresh, old] = await Promise.all([measureDist(builds.new), measureDist(builds.old)]);
  return new Map(
    DIST_ROWS.map(({ name }) => {
      const bytes = old[name] ?? Number.NaN;
      return [name, [{ new: fresh[name] ?? Number.NaN, old: bytes, twin: bytes }]];
    }),
  );
}
