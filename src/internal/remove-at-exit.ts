/**
 * Removes files when the process ends without having been asked to tidy up: by `process.exit`, by an uncaught
 * error, or because nothing keeps it alive. A process that a signal kills cannot do even that.
 */
import { rmSync } from "node:fs";
import { hasCode } from "./has-code.ts";
import { processWide } from "./process-wide.ts";
import { removeFile } from "./remove-file.ts";

const paths = processWide("remove-at-exit", () => new Set<string>());

function removeAll(): void {
  for (const path of paths) {
    try {
      remove(path);
    } catch {
      // The process is ending; a later process sweeps files that cannot be removed now.
    }
  }
}

function remove(path: string): void {
  try {
    removeFile(path);
  } catch (error) {
    if (!hasCode(error, "EISDIR", "EPERM")) throw error; // the latter is what macOS says of directories
    rmSync(path, { recursive: true, force: true });
  }
}

/** Removes the file or directory at the end of the process, unless it is forgotten before. */
export function removeAtExit(path: string): void {
  if (paths.size === 0) process.on("exit", removeAll);
  paths.add(path);
}

/** Forgets a path that has been removed. */
export function forgetAtExit(path: string): void {
  if (paths.delete(path) && paths.size === 0) process.off("exit", removeAll);
}
