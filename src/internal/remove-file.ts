/**
 * Removes files and sockets without looking at them. When Node has looked at a socket (`statSync`, `lstatSync`,
 * `rmSync`) and has not looked at another file since, the next import does not follow symbolic links, since
 * `realpathSync` takes what was looked at last for a part of its path. A package that is a link, as those of pnpm and
 * of workspaces are, is then loaded a second time, or does not find its own dependencies.
 */
import { unlinkSync } from "node:fs";
import { hasCode } from "./has-code.ts";

/**
 * Removes a file or a socket; one that is not there does no harm.
 *
 * @throws What the file system says otherwise, also of a directory.
 */
export function removeFile(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, "ENOENT")) throw error;
  }
}

/**
 * Removes what a process has left behind, if the file system lets it: on one that has become read-only, a left file is
 * no reason to stop. Whoever sweeps next tries again.
 *
 * @returns Whether it is gone.
 */
export function sweepFile(path: string): boolean {
  try {
    removeFile(path);
    return true;
  } catch {
    return false;
  }
}
