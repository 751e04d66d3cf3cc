/**
 * Lets a process that nobody waits for take less of the processors while it starts: workers that work meanwhile are slowed
 * down otherwise, where there are no more processors than workers. Only where the system lets one take that back, which is
 * the case for root and for those whom a limit of the system (`RLIMIT_NICE`) permits it; elsewhere nothing is done.
 */
import { readdirSync, readFileSync } from "node:fs";
import { getPriority, setPriority } from "node:os";

/** By how much the priority is lower: about a tenth of the processor time, where others want all of it. */
const LOWER_BY = 10;
const LOWEST = 19;
/** The bit of the capability to raise a priority, `CAP_SYS_NICE`. */
const CAP_SYS_NICE = 23n;

/** Whether a lower priority can be taken back, as far as has been seen. */
let canRaise: boolean | undefined;

/**
 * Lowers the priority of a process that has been forked just now.
 *
 * @returns Takes that back, for the process, its threads and the processes that it has started, as far as they have kept it;
 *   idempotent. `undefined` if nothing has been done.
 */
export function lowerPriority(pid: number): (() => void) | undefined {
  try {
    const usual = getPriority(process.pid);
    const lower = Math.min(LOWEST, usual + LOWER_BY);
    if (lower === usual) return undefined;
    canRaise ??= mayRaise(usual) && raises(pid, usual);
    if (!canRaise) return undefined;
    setPriority(pid, lower);
    return () => restore(pid, lower, usual);
  } catch {
    return undefined; // it has gone already
  }
}

/** Whether the system says so. */
function mayRaise(usual: number): boolean {
  if (process.platform !== "linux") return false;
  const capabilities = /^CapEff:\s*([\da-f]+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "0";
  if (((BigInt(`0x${capabilities}`) >> CAP_SYS_NICE) & 1n) === 1n) return true;
  const limit = /^Max nice priority\s+(\d+|unlimited)/m.exec(readFileSync("/proc/self/limits", "utf8"))?.[1];
  return limit === "unlimited" || Number(limit ?? 0) >= 20 - usual;
}

/** Tries it with a step that does no harm: within a container the capability may count for nothing. */
function raises(pid: number, usual: number): boolean {
  setPriority(pid, usual + 1);
  try {
    setPriority(pid, usual);
    return true;
  } catch {
    return false;
  }
}

/** Of all threads, each of which has a priority of its own. */
function restore(pid: number, lower: number, usual: number): void {
  for (const thread of list(`/proc/${pid}/task`)) {
    try {
      if (getPriority(Number(thread)) === lower) setPriority(Number(thread), usual);
      const children = readFileSync(`/proc/${pid}/task/${thread}/children`, "utf8");
      for (const child of children.split(" ")) if (child !== "") restore(Number(child), lower, usual);
    } catch {
      // it has gone, or the system lists no children
    }
  }
}

function list(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return []; // the process has gone
  }
}
