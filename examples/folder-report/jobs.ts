/**
 * What runs on the workers: one routine that measures a file and one that measures a folder by calling
 * the first for every file in it. A worker imports this module, so nothing else belongs here.
 */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";
import { routine } from "merino";

/** What the routines report, one finding at a time; `pid` is the process that found it. */
export type Finding =
  | { readonly type: "folder"; readonly path: string; readonly pid: number }
  | { readonly type: "unreadable"; readonly path: string; readonly pid: number; readonly reason: string }
  | MeasuredFile;

export interface MeasuredFile {
  readonly type: "file";
  readonly path: string;
  readonly pid: number;
  readonly sha256: string;
  readonly bytes: number;
  readonly gzipBytes: number;
  readonly brotliBytes: number;
}

/** Enough calls under way for every worker to have the next one at hand. */
const FILES_AT_ONCE = 8;

/**
 * Reads one file and compresses it in two ways. A plain, blocking function: that is what keeps a
 * processor busy, and the reason to run it elsewhere.
 *
 * @param quality Of brotli, 0 to 11: how much work there is in each call.
 */
export const measureFile = routine(function measureFile(path: string, quality: number): Finding {
  const { pid } = process;
  let content: Buffer;
  try {
    content = readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? String(error);
    return { type: "unreadable", path, pid, reason };
  }
  const brotli = brotliCompressSync(content, {
    params: { [constants.BROTLI_PARAM_QUALITY]: quality },
  });
  return {
    type: "file",
    path,
    pid,
    sha256: createHash("sha256").update(content).digest("hex"),
    bytes: content.length,
    gzipBytes: gzipSync(content).length,
    brotliBytes: brotli.length,
  };
});

/**
 * Measures the named files of one folder and yields each result as soon as it is there.
 *
 * This generator runs on a worker; every `measureFile` in it is a call to *some* worker of the same
 * pool, whichever is free, and perhaps the very one this runs on.
 */
export const measureFolder = routine(async function* measureFolder(
  folder: string,
  names: readonly string[],
  quality: number,
): AsyncGenerator<Finding, void, void> {
  yield { type: "folder", path: folder, pid: process.pid };
  const underWay = new Map<string, Promise<Finding>>();
  for (const name of names) {
    const path = join(folder, name);
    underWay.set(path, measureFile(path, quality));
    if (underWay.size === FILES_AT_ONCE) yield await takeFirst(underWay);
  }
  while (underWay.size > 0) yield await takeFirst(underWay);
});

/** Waits for whichever finding comes first and takes it off the list. */
async function takeFirst(underWay: Map<string, Promise<Finding>>): Promise<Finding> {
  const finding = await Promise.race(underWay.values());
  underWay.delete(finding.path);
  return finding;
}
