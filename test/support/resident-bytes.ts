/** Memory of another process, on Linux. */
import { readFileSync } from "node:fs";

/** How much of it is in memory, in bytes. */
export function residentBytes(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return pages * 4096;
}
