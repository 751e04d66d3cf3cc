/**
 * How long does a pool take to start, and what does an idle worker weigh? Both beside the floor: bare
 * Nodes forked in the same run, alternating, each in a fresh parent process that runs plain JavaScript.
 *
 * Run with `npm run bench:start-up`, options `-- --quick --json --check`. With `--against REF` it compares the
 * working tree with another commit; see `against/compare.ts`.
 */
import { compareWithCommit } from "./against/compare.ts";
import { START_UP } from "./against/start-up.ts";
import type { BenchmarkOptions } from "./support/options.ts";
import { runProbe } from "./support/probe.ts";
import { type BenchmarkResult, note, runBenchmark } from "./support/run.ts";
import { median, medianRatio } from "./support/statistics.ts";
import { atMost } from "./support/target.ts";

interface StartProbe {
  readonly readyMs: number;
  readonly residentBytes: number;
}

async function measureStartUp({ quick }: BenchmarkOptions): Promise<BenchmarkResult> {
  const rounds = quick ? 3 : 11;
  const merino: StartProbe[] = [];
  const bare: StartProbe[] = [];
  // One round that is not counted brings the files of both into the page cache.
  for (let round = 0; round <= rounds; round++) {
    note(`start-up: round ${round} of ${rounds}`);
    const pair = [
      async () => merino.push(await runProbe<StartProbe>("merino-open.mjs")),
      async () => bare.push(await runProbe<StartProbe>("bare-fork.mjs")),
    ];
    for (const probe of round % 2 === 0 ? pair : pair.reverse()) await probe();
  }
  merino.shift();
  bare.shift();

  const timesMs = (probes: readonly StartProbe[]) => probes.map(({ readyMs }) => readyMs);
  const megabytes = (probes: readonly StartProbe[]) => probes.map(({ residentBytes }) => residentBytes / 1e6);
  const startRatio = medianRatio(timesMs(merino), timesMs(bare));
  const extraMegabytes = median(megabytes(merino)) - median(megabytes(bare));
  const row = (name: string, probes: readonly StartProbe[]) => [
    name,
    median(timesMs(probes)).toFixed(0),
    median(megabytes(probes)).toFixed(1),
  ];
  return {
    data: { rounds, merino, bare, startRatio, extraMegabytes },
    tables: [
      {
        title: `Two workers (medians of ${rounds} rounds)`,
        head: ["", "ready ms", "MB of one, idle"],
        rows: [row("Merino: open() to the first result", merino), row("two bare forks: both reported", bare)],
      },
    ],
    targets: [
      atMost("start, ratio to two bare forks", startRatio, 2, "×"),
      atMost("memory of an idle worker above a bare fork", extraMegabytes, 10, "MB"),
    ],
  };
}

await runBenchmark("start-up", measureStartUp, (options) => compareWithCommit(START_UP, options));
