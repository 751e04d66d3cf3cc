/** Many short bodies and a few long ones, all called at once: the logarithm of the duration is uniform from 1 to 200 ms. */
import { WORKERS } from "../contenders/contender.ts";
import { seededRandom } from "../support/statistics.ts";
import type { Row } from "./row.ts";

const LONGEST_MS = 200;
const SEED = 2026;
/** How many bodies for a slice: so many times what fits in it. */
const SLICES = 16;

export const UNEVEN: Row = {
  name: "uneven",
  title: `CPU-bound calls of 1 to ${LONGEST_MS} ms at once on two workers; 1 is ideal`,
  figures: [{ key: "excess", head: "of ideal", digits: 2 }],
  rounds: [3, 1],
  async measure({ busy }, { ms }) {
    if (busy === undefined) return undefined;
    const random = seededRandom(SEED);
    const durations: number[] = [];
    let sum = 0;
    while (sum < SLICES * ms * WORKERS) {
      const durationMs = LONGEST_MS ** random();
      durations.push(durationMs);
      sum += durationMs;
    }
    const start = performance.now();
    await Promise.all(durations.map((durationMs) => busy(durationMs)));
    return { excess: ((performance.now() - start) * WORKERS) / sum };
  },
};
