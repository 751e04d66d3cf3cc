/**
 * Files that killed processes leave in the runtime directory. Others recognise them: private names contain the
 * process that made them. Nothing else in the directory is touched.
 */
import { randomUUID } from "node:crypto";
import { readdirSync, readlinkSync, rmSync } from "node:fs";
import { join } from "node:path";
import { hasCode } from "../../internal/has-code.ts";
import { processWide } from "../../internal/process-wide.ts";
import { sweepFile } from "../../internal/remove-file.ts";

/**
 * Which names are private in each folder: `<pid>.<pid namespace>`, both in base 36, at the beginning or after
 * `.pool-`.
 */
const OWNERS = {
  s: { owner: /^([0-9a-z]+)\.([0-9a-z]+)-/, remove: sweepFile },
  d: { owner: /\.pool-([0-9a-z]+)\.([0-9a-z]+)-/, remove: sweepFolder },
} as const;

/** Names this process, for the beginning of a file's name. A process id alone means nothing in another container. */
export function ownerName(): string {
  return `${ownerPrefix(process.pid)}${pidNamespace()}`;
}

/** What the names of files begin with that a process has made, as far as its id alone tells. */
export function ownerPrefix(pid: number): string {
  return `${pid.toString(36)}.`;
}

/** Makes up the namespace of a pool that nobody else joins. */
export function privateNamespace(): string {
  return `pool-${ownerName()}-${randomUUID()}`;
}

/**
 * Removes sockets and private namespaces of processes that have died. Once per process: the next one
 * removes leftovers of later.
 *
 * @param runtimeDirectory Holds the sockets in `s` and the namespaces in `d`.
 */
export function sweepLeftovers(runtimeDirectory: string): void {
  const swept = processWide("leftovers-swept", () => new Set<string>());
  if (swept.has(runtimeDirectory)) return;
  swept.add(runtimeDirectory);
  for (const [folder, { owner, remove }] of Object.entries(OWNERS)) {
    for (const name of namesIn(join(runtimeDirectory, folder))) {
      const [, pid, namespace] = owner.exec(name) ?? [];
      if (pid === undefined || namespace !== pidNamespace() || isAlive(Number.parseInt(pid, 36))) continue;
      remove(join(runtimeDirectory, folder, name));
    }
  }
}

/** It contains no sockets; for those see `internal/remove-file.ts`. */
function sweepFolder(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch {
    // As for files: whoever sweeps next tries again.
  }
}

function namesIn(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch (error) {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return !hasCode(error, "ESRCH"); // EPERM: alive, and somebody else's by now
  }
}

function pidNamespace(): string {
  const cache = processWide("pid-namespace", (): { value: string | undefined } => ({ value: undefined }));
  cache.value ??= readPidNamespace();
  return cache.value;
}

function readPidNamespace(): string {
  try {
    const inode = /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0];
    if (inode !== undefined) return Number(inode).toString(36);
  } catch {
    // Not Linux: there are no such namespaces.
  }
  return "0";
}
