/** What stays of calls that have settled: the heaps of the caller and of both workers after a collection. */
import { runProbe } from "../support/probe.ts";
import type { Row } from "./row.ts";

/** Calls for each millisecond of a slice; a full run makes a million. */
const CALLS_PER_MS = 4_000;

type Heaps = Readonly<Record<string, number>>;

export const HEAP_GROWTH: Row = {
  name: "heap-growth",
  title: "Heaps from a tenth of many calls to their end: the one that grows most",
  figures: [{ key: "megabytes", head: "MB", digits: 2 }],
  rounds: [1, 1],
  async measure({ heapProbe }, { ms }) {
    if (heapProbe === undefined) return undefined;
    const [file, ...args] = heapProbe;
    const calls = String(Math.round(ms * CALLS_PER_MS));
    return runProbe<{ early: Heaps; late: Heaps }>(file, {
      nodeOptions: ["--expose-gc"],
      args: [calls, ...args],
    }).then(({ early, late }) => ({
      megabytes: Math.max(...Object.keys(late).map((heap) => ((late[heap] ?? 0) - (early[heap] ?? 0)) / 1e6)),
    }));
  },
};
