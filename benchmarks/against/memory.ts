/**
 * The comparison of `npm run bench:memory`: what the heaps hold after many calls. What has piled up is part of
 * that; growth by itself is a difference around zero, of which no ratio can be made.
 */
import { probed } from "./probed.ts";
import { type Row, TOLERANCE } from "./row.ts";
import type { Suite } from "./suite.ts";

interface HeapProbe {
  /** Heap bytes by pid, and of the caller. */
  readonly late: Readonly<Record<string, number>>;
}

const CALLS = 200_000;
const QUICK_CALLS = 20_000;

const LOWER = { unit: "MB", better: "lower", tolerance: TOLERANCE } as const;
const ROWS: readonly Row[] = [
  { name: "heap/caller", ...LOWER },
  { name: "heap/worker", ...LOWER },
];

export const MEMORY: Suite = {
  workloads: [{ name: "heap", rows: ROWS }],
  // Each measurement is of a fresh process anyhow.
  pairsPerSubject: Number.POSITIVE_INFINITY,
  async open(build, { quick, signal }) {
    return probed<HeapProbe>(build, {
      probe: "heap-growth.mjs",
      nodeOptions: ["--expose-gc"],
      args: [String(quick ? QUICK_CALLS : CALLS)],
      signal,
      figures: ({ late: { caller = Number.NaN, ...workers } }) => ({
        "heap/caller": caller / 1e6,
        "heap/worker": Math.max(...Object.values(workers)) / 1e6,
      }),
    });
  },
};
