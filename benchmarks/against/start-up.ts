/** The comparison of `npm run bench:start-up`: the start of a pool of two, and an idle worker. */
import { probed } from "./probed.ts";
import { type Row, TOLERANCE } from "./row.ts";
import type { Suite } from "./suite.ts";

interface StartProbe {
  readonly openMs: number;
  readonly readyMs: number;
  readonly residentBytes: number;
}

const LOWER = { better: "lower", tolerance: TOLERANCE } as const;
const ROWS: readonly Row[] = [
  { name: "start/open", unit: "ms", ...LOWER },
  { name: "start/first-result", unit: "ms", ...LOWER },
  { name: "idle-worker", unit: "MB", ...LOWER },
];

export const START_UP: Suite = {
  workloads: [{ name: "start", rows: ROWS }],
  // Each measurement is of a fresh process anyhow.
  pairsPerSubject: Number.POSITIVE_INFINITY,
  async open(build, { signal }) {
    return probed<StartProbe>(build, {
      probe: "merino-open.mjs",
      signal,
      figures: ({ openMs, readyMs, residentBytes }) => ({
        "start/open": openMs,
        "start/first-result": readyMs,
        "idle-worker": residentBytes / 1e6,
      }),
    });
  },
};
