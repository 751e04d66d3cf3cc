/** How much processor time this process and some others have taken: of all their threads, as the kernel counts it. */
import { readdirSync, readFileSync } from "node:fs";

/** Pids of all processes that descend from this one. Empty where there is no `/proc`. */
export function descendants(): ReadonlySet<number> {
  const found = new Set<number>();
  const parents = new Map<number, number>();
  for (const entry of entriesOf("/proc")) {
    const stat = /^\d+$/.test(entry) ? textOf(`/proc/${entry}/stat`) : "";
    // The name of the program, in brackets, may contain anything.
    const parent = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    if (parent > 0) parents.set(Number(entry), parent);
  }
  for (const pid of parents.keys()) {
    let ancestor = parents.get(pid);
    while (ancestor !== undefined && ancestor !== process.pid) ancestor = parents.get(ancestor);
    if (ancestor === process.pid) found.add(pid);
  }
  return found;
}

/** @returns Microseconds of this process and of those, so far. */
export function cpuTimeUs(pids: Iterable<number>): number {
  const { user, system } = process.cpuUsage();
  let us = user + system;
  for (const pid of pids) {
    for (const thread of entriesOf(`/proc/${pid}/task`)) {
      us += Number(textOf(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[0]) / 1_000;
    }
  }
  return us;
}

function entriesOf(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return []; // It has gone, or there is no such thing on this system.
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "latin1");
  } catch {
    return "";
  }
}
