/**
 * Decides what is to be measured: walks a folder, without reading any file, and lists the folders with
 * their files. Everything that is not measured is counted with the reason; nothing is followed out of
 * the folder, and nothing is opened that could block (a FIFO waits for its writer).
 */
import type { Stats } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";

export interface Plan {
  /** In the order of the walk, only those with files to measure. */
  readonly folders: readonly PlannedFolder[];
  readonly fileCount: number;
  readonly emptyFolders: number;
  /** How many entries were left out, by reason. */
  readonly skipped: ReadonlyMap<string, number>;
  /** Whether the walk ended early because `limit` files had been found. */
  readonly limitReached: boolean;
}

export interface PlannedFolder {
  readonly path: string;
  readonly files: readonly string[];
}

export interface PlanOptions {
  /** Most files to plan. */
  readonly limit: number;
  /** Files above this size, in bytes, are left out. */
  readonly maxSize: number;
  readonly signal: AbortSignal;
}

/** Walks `root`, in the order of names, so that the same folder always gives the same plan. */
export async function planFolder(root: string, { limit, maxSize, signal }: PlanOptions): Promise<Plan> {
  const folders: PlannedFolder[] = [];
  const skipped = new Map<string, number>();
  const skip = (reason: string) => skipped.set(reason, (skipped.get(reason) ?? 0) + 1);
  let fileCount = 0;
  let emptyFolders = 0;
  let limitReached = false;

  const toVisit = [root];
  for (let path = toVisit.pop(); path !== undefined && !limitReached; path = toVisit.pop()) {
    signal.throwIfAborted();
    const names = await readdir(path).catch(() => undefined);
    if (names === undefined) {
      skip("unreadable folder");
      continue;
    }
    if (names.length === 0) emptyFolders++;
    const files: string[] = [];
    const subfolders: string[] = [];
    for (const name of names.sort()) {
      const info = await lstat(join(path, name)).catch(() => undefined);
      if (info?.isDirectory()) {
        subfolders.push(join(path, name));
        continue;
      }
      const reason = reasonToSkip(info, maxSize);
      if (reason !== undefined) {
        skip(reason);
      } else if (fileCount === limit) {
        limitReached = true;
        break;
      } else {
        files.push(name);
        fileCount++;
      }
    }
    if (files.length > 0) folders.push({ path, files });
    toVisit.push(...subfolders.reverse());
  }
  return { folders, fileCount, emptyFolders, skipped, limitReached };
}

function reasonToSkip(info: Stats | undefined, maxSize: number): string | undefined {
  if (info === undefined) return "vanished or unreadable entry";
  if (info.isSymbolicLink()) return "symbolic link";
  if (!info.isFile()) return "socket, FIFO or device";
  if (info.size > maxSize) return "file above --max-size";
  return undefined;
}
