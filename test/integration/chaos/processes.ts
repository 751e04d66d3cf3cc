/** What the system knows of processes. Linux only. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

/** The processes, this one aside, that were started with a variable of the environment of this value, with their commands. */
export function processesWith(variable: string, value: string): readonly string[] {
  const wanted = `${variable}=${value}`;
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)
    .filter((pid) => contentOf(`/proc/${pid}/environ`).split("\0").includes(wanted))
    .map((pid) => `${pid} ${contentOf(`/proc/${pid}/cmdline`).replaceAll("\0", " ")}`);
}

/** What the descriptors of a process stand for, without those that loops and threads keep for themselves. */
export function descriptorsOf(pid: number): readonly string[] {
  const folder = `/proc/${pid}/fd`;
  return readdirSync(folder).flatMap((name) => {
    try {
      const target = readlinkSync(`${folder}/${name}`);
      return target.startsWith("anon_inode:") ? [] : [target.replace(/\d+/g, "")];
    } catch {
      return []; // closed meanwhile
    }
  });
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return ""; // it has just ended, or belongs to another user
  }
}
