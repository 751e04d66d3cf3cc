/** What processor time the threads of a process have had, on Linux: a figure of its own also where the machine is busy. */
import { readdirSync, readFileSync } from "node:fs";

const NS_PER_MS = 1e6;

/** The numbers of its threads; its own is that of the main one. */
export function threadsOf(pid: number): number[] {
  return readdirSync(`/proc/${pid}/task`).map(Number);
}

/** Milliseconds for which a thread has run so far; 0 of one that has ended. */
export function ranMs(pid: number, thread: number): number {
  try {
    const [ranNs] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ");
    return Number(ranNs) / NS_PER_MS;
  } catch {
    return 0;
  }
}
