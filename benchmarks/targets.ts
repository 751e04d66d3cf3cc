/**
 * What the benchmark has to show: ratios of two contenders in the same rounds, never times. A quick run, as CI makes it on
 * machines that do other things as well, looks at the processor time of bodies alone, which these change least, and with
 * slack: slices of short calls are too short there to say anything.
 */
import { medianRatio } from "./support/statistics.ts";
import { atLeast, atMost, type Target } from "./support/target.ts";

/** Row, its figure, whose, beside whose, and what the ratio may be. */
type Wanted = readonly [
  row: string,
  figure: string,
  of: string,
  beside: string,
  rule: "at most" | "at least",
  limit: number,
];

const QUICK_SLACK = 2;

const WANTED: readonly Wanted[] = [
  ["one", "p50Us", "merino", "piscina", "at most", 1],
  ["one", "p99Us", "merino", "piscina", "at most", 1.5],
  ["one", "p50Us", "merino-thread", "piscina", "at most", 0.5],
  ["one", "p99Us", "merino-thread", "piscina", "at most", 1],
  ["one", "p50Us", "merino-network", "grpc", "at most", 0.2],
  ["in-flight-100", "perSecond", "merino", "piscina", "at least", 5],
  ["in-flight-100", "perSecond", "merino", "socket", "at least", 0.4],
  ["in-flight-100", "perSecond", "merino-thread", "piscina", "at least", 6],
  ["in-flight-100", "perSecond", "merino-thread", "shared-memory", "at least", 0.6],
  ["in-flight-100", "perSecond", "merino-network", "piscina", "at least", 1.5],
  ["in-flight-1000", "cpuUs", "merino", "piscina", "at most", 0.3],
  ["in-flight-1000", "cpuUs", "merino-thread", "piscina", "at most", 0.3],
  ["in-flight-1000", "cpuUs", "merino-network", "piscina", "at most", 0.5],
  ...([100, 1_000, 10_000] as const).flatMap((pace): Wanted[] =>
    ["merino", "merino-thread"].map((of) => [`paced-${pace}`, "cpuUs", of, "piscina", "at most", 1.2]),
  ),
  ...([64, 1_024, 16_384] as const).map(
    (kib): Wanted => [`echo-buffer-${kib}k`, "us", "merino", "socket", "at most", 1.25],
  ),
  ["echo-buffer-1024k", "us", "merino-thread", "piscina", "at most", 1],
  ["echo-latin-1-1024k", "us", "merino-thread", "piscina", "at most", 0.67],
  ["echo-cjk-1024k", "us", "merino-thread", "piscina", "at most", 1.05],
  ["echo-rows", "us", "merino", "piscina", "at most", 1],
  ["echo-rows", "us", "merino-thread", "piscina", "at most", 1],
  ["stream-prefetch", "perSecond", "merino", "socket", "at least", 0.4],
  ...([0.1, 0.3, 1, 3, 10, 30] as const).flatMap((ms): Wanted[] => [
    [`body-${ms}`, "wallMs", "merino", "bare-processes", "at most", ms < 0.3 ? 1.3 : 1.1],
    [`body-${ms}`, "wallMs", "merino-thread", "bare-processes", "at most", ms < 0.3 ? 1.2 : 1.07],
    [`body-${ms}`, "wallMs", "merino", "piscina", "at most", 1],
    [`body-${ms}`, "wallMs", "merino-thread", "piscina", "at most", 0.98],
    [`body-${ms}`, "cpuMs", "merino", "piscina", "at most", 1.2],
    [`body-${ms}`, "cpuMs", "merino-thread", "piscina", "at most", 1.2],
  ]),
  ["uneven", "excess", "merino", "piscina", "at most", 1.1],
  ["start-up", "readyMs", "merino", "bare-processes", "at most", 1.6],
  ["start-up", "readyMs", "merino-thread", "piscina", "at most", 1.3],
];

/** Figures of one row: by contender and figure, one for each round. */
export type Series = ReadonlyMap<string, Readonly<Record<string, readonly number[]>>>;

/** @param measured By row; targets of others are left out. */
export function targets(
  measured: ReadonlyMap<string, Series>,
  { quick }: { readonly quick: boolean },
): readonly Target[] {
  return WANTED.flatMap(([row, figure, of, beside, rule, limit]) => {
    const series = measured.get(row);
    const [mine, theirs] = [series?.get(of)?.[figure], series?.get(beside)?.[figure]];
    if (mine === undefined || theirs === undefined || (quick && figure !== "cpuMs")) return [];
    const name = `${row}, ${figure}: ${of} / ${beside}`;
    const slack = quick ? QUICK_SLACK : 1;
    const ratio = medianRatio(mine, theirs);
    return rule === "at most"
      ? atMost(name, ratio, limit * slack, "×")
      : atLeast(name, ratio, limit / slack, "×");
  });
}
