/** How long two workers take to start, and what program and idle workers hold. Each in a fresh program. */
import { runProbe } from "../support/probe.ts";
import type { Row } from "./row.ts";

export const START_UP: Row = {
  name: "start-up",
  title: "Two workers: from the start to the first result, and all memory a moment later",
  figures: [
    { key: "readyMs", head: "ready ms" },
    { key: "megabytes", head: "MB of all", digits: 1 },
  ],
  rounds: [7, 1],
  async measure({ startProbe }) {
    if (startProbe === undefined) return undefined;
    const [file, ...args] = startProbe;
    return runProbe<{ readyMs: number; totalBytes: number }>(file, { args }).then(
      ({ readyMs, totalBytes }) => ({
        readyMs,
        megabytes: totalBytes / 1e6,
      }),
    );
  },
};
