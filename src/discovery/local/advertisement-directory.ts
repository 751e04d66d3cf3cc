/**
 * The files by which workers of one namespace make themselves known on a host: `<uid>.json`, one per worker,
 * each put in place whole by a rename. Reads and writes them; does not watch. When a dead worker's file is swept is
 * decided in `advertisement-watch.ts`.
 *
 * Reading is synchronous: a scan of a directory in memory or on a local disk costs a few microseconds per
 * worker, a tenth of what the thread pool would.
 */
import { closeSync, constants, fstatSync, lstatSync, openSync, readdirSync, readFileSync } from "node:fs";
import { rename, rm, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "../../internal/has-code.ts";
import { sweepFile } from "../../internal/remove-file.ts";
import { hostId } from "../../transport/unix/host-id.ts";
import { privateDirectory, runtimePath } from "../../transport/unix/runtime-directory.ts";
import { isWorkerUid, parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

const SUFFIX = ".json";
const TEMPORARY = ".tmp";
const MAX_FILE_BYTES = 64 * 1024;
/** After this time a temporary file's writer must have died. */
const TEMPORARY_LIFETIME_MS = 60_000;
const ATTEMPTS = 10;

let written = 0;

/** One file of the directory as a scan finds it. */
export interface Advertisement {
  readonly uid: string;
  /** Changes whenever the file is replaced. */
  readonly signature: string;
}

/** The advertisements of one namespace. The place is fixed when the object is made. */
export class AdvertisementDirectory {
  readonly path: string;
  readonly #runtime: string;

  /** @param namespace Checked by the caller; part of the directory's name. */
  constructor(namespace: string) {
    this.#runtime = runtimePath();
    // Per host and boot: files left by an earlier boot, or by another host on a shared volume, are never taken
    // for ours.
    this.path = join(this.#runtime, "d", `${hostId().slice(0, 12)}.${namespace}`);
  }

  /** Makes the directory if need be, and checks the owner and mode of the directories that protect it. */
  ensure(): void {
    privateDirectory(this.#runtime);
    privateDirectory(this.path);
  }

  /** Puts a worker's file in place, whole, instead of an earlier one. */
  async write(worker: WorkerMetadata): Promise<void> {
    const temporary = join(this.path, `${worker.uid}.${process.pid}-${written++}${TEMPORARY}`);
    for (let attempt = 1; ; attempt++) {
      try {
        this.ensure();
        await writeFile(temporary, JSON.stringify(worker), { flag: "wx", mode: 0o600 });
        await rename(temporary, this.#file(worker.uid));
        return;
      } catch (error) {
        await rm(temporary, { force: true });
        // Another process, on leaving, has removed the directory meanwhile, because it was empty.
        if (attempt === ATTEMPTS || !hasCode(error, "ENOENT")) throw error;
      }
    }
  }

  /** Removes a worker's file; one that is not there is no error. */
  async remove(uid: string): Promise<void> {
    await rm(this.#file(uid), { force: true });
  }

  /** Removes a worker's file, if it can be removed, unless it was replaced after the scan. Returns whether it was not. */
  sweep({ uid, signature }: Advertisement): boolean {
    if (this.#signatureOf(uid) !== signature) return false;
    sweepFile(this.#file(uid));
    return true;
  }

  /** Lists the files there are, and removes temporary ones that their writer left behind. No directory: no files. */
  scan(): Advertisement[] {
    const found: Advertisement[] = [];
    for (const name of this.#names()) {
      if (name.endsWith(TEMPORARY)) this.#removeIfStale(name);
      if (!name.endsWith(SUFFIX)) continue;
      const uid = name.slice(0, -SUFFIX.length);
      const signature = this.#signatureOf(uid);
      if (signature !== undefined) found.push({ uid, signature });
    }
    return found;
  }

  /**
   * Reads a worker's record. `"gone"`: there is no file any more, it was retracted since the scan. `"malformed"`:
   * the file is no good (too large, not a regular file, no record, the record of another uid).
   */
  read(uid: string): WorkerMetadata | "gone" | "malformed" {
    if (!isWorkerUid(uid)) return "malformed";
    let descriptor: number | undefined;
    try {
      // Refuses to follow a link to another place, and to block on a pipe.
      descriptor = openSync(
        this.#file(uid),
        constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK,
      );
      const stats = fstatSync(descriptor);
      if (!stats.isFile() || stats.size > MAX_FILE_BYTES) return "malformed";
      const worker = parseWorkerMetadata(JSON.parse(readFileSync(descriptor, "utf8")), { unix: true });
      return worker?.uid === uid ? worker : "malformed";
    } catch (error) {
      // Whatever else is wrong with the file, there is no record in it; the watch reports that.
      return hasCode(error, "ENOENT") ? "gone" : "malformed";
    } finally {
      if (descriptor !== undefined) closeSync(descriptor);
    }
  }

  /** Removes the directory if nothing is in it, and the file system lets it. */
  async removeIfEmpty(): Promise<void> {
    try {
      await rmdir(this.path);
    } catch (error) {
      if (!hasCode(error, "ENOENT", "ENOTEMPTY", "EEXIST", "EROFS")) throw error;
    }
  }

  #names(): string[] {
    try {
      return readdirSync(this.path);
    } catch (error) {
      if (hasCode(error, "ENOENT")) return [];
      throw error;
    }
  }

  #file(uid: string): string {
    return join(this.path, `${uid}${SUFFIX}`);
  }

  #signatureOf(uid: string): string | undefined {
    const stats = lstatSync(this.#file(uid), { bigint: true, throwIfNoEntry: false });
    return stats && `${stats.ino} ${stats.mtimeNs} ${stats.size}`;
  }

  #removeIfStale(name: string): void {
    const path = join(this.path, name);
    const stats = lstatSync(path, { throwIfNoEntry: false });
    if (stats !== undefined && Date.now() - stats.mtimeMs > TEMPORARY_LIFETIME_MS) sweepFile(path);
  }
}
