/** Reads how much memory a process holds, as the kernel counts it. */
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

/** Long enough for what follows a start (late imports, the first garbage collection) to be over. */
const SETTLE_MS = 750;

export function settle() {
  return sleep(SETTLE_MS);
}

/** Resident set size in bytes: exact from the kernel's page tables on Linux, from `ps` elsewhere. */
export async function residentBytes(pid) {
  if (process.platform === "linux") {
    const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
    const kibibytes = /^Rss:\s+(\d+) kB$/m.exec(rollup)?.[1];
    return Number(kibibytes) * 1024;
  }
  const { stdout } = await promisify(execFile)("ps", ["-o", "rss=", "-p", String(pid)]);
  return Number(stdout) * 1024;
}

/** What this process and those hold together; one that is this one again counts once. */
export async function totalBytes(pids) {
  let bytes = 0;
  for (const pid of new Set([process.pid, ...pids])) bytes += await residentBytes(pid);
  return bytes;
}
