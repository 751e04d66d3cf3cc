/**
 * The per-user directory that holds sockets and local advertisements.
 *
 * Node cannot see who is at the other end of a Unix socket, so this directory is the security boundary: it
 * belongs to this user, has mode 0700 and is no symbolic link, and that is checked each time it is asked for.
 */
import { lstatSync, mkdirSync, type Stats } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { hasCode } from "../../internal/has-code.ts";

const MAKING_ATTEMPTS = 10;

/**
 * Returns the directory, making it if it is missing: `$XDG_RUNTIME_DIR/merino` when that variable names
 * a private directory of this user, else `merino-<uid>` in the system's directory for temporary files.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `runtimeDirectory`) if something else
 *   than a directory of this user with mode 0700 is there, or if the directory is missing and cannot be made.
 */
export function runtimeDirectory(): string {
  return privateDirectory(runtimePath());
}

/** Where {@link runtimeDirectory} is, or would be made. */
export function runtimePath(): string {
  const session = process.env.XDG_RUNTIME_DIR;
  return session?.startsWith("/") && isPrivate(statOf(session))
    ? join(session, "merino")
    : // TMPDIR may be relative, and an address is not.
      resolve(tmpdir(), `merino-${userId()}`);
}

/** Returns the directory of this user's sockets, making and checking it like {@link runtimeDirectory}. */
export function socketDirectory(): string {
  return privateDirectory(join(runtimeDirectory(), "s"));
}

/**
 * Returns `directory`, making it if it is missing, and checking that it belongs to this user alone.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `runtimeDirectory`) if it is not, or cannot
 *   be made.
 */
export function privateDirectory(directory: string): string {
  if (!isPrivate(makeDirectory(directory))) {
    throw new InvalidOptionError("runtimeDirectory", {
      value: directory,
      expected: `a directory (not a link) owned by user ${userId()} with mode 0700`,
      advice:
        "Remove what is there or correct it with chown and chmod, or set XDG_RUNTIME_DIR to another private directory",
    });
  }
  return directory;
}

/** Makes the directory if there is nothing yet, and tells what is there. */
function makeDirectory(directory: string): Stats | undefined {
  try {
    let stats = statOf(directory);
    // Tries again: another process may remove the directory between the two calls, because it is still empty.
    for (let attempt = 0; stats === undefined && attempt < MAKING_ATTEMPTS; attempt++) {
      makeWithParents(directory);
      stats = statOf(directory);
    }
    return stats;
  } catch (error) {
    throw notMade(directory, error);
  }
}

/** As Node's own does with `recursive`, which says ENOENT where a file system is read-only. */
function makeWithParents(directory: string): void {
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    if (hasCode(error, "EEXIST")) return; // another process was faster
    const parent = dirname(directory);
    if (!hasCode(error, "ENOENT") || statOf(parent) !== undefined) throw error;
    makeWithParents(parent);
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  }
}

function notMade(directory: string, cause: unknown): InvalidOptionError {
  return new InvalidOptionError(
    "runtimeDirectory",
    {
      value: directory,
      expected: `a path at which a directory can be made (${errorText(cause)})`,
      advice:
        "Make room or give this user the right to write there, or set XDG_RUNTIME_DIR to a private directory that can be written to",
    },
    { cause },
  );
}

function isPrivate(stats: Stats | undefined): boolean {
  return stats?.isDirectory() === true && stats.uid === userId() && (stats.mode & 0o777) === 0o700;
}

function statOf(path: string): Stats | undefined {
  return lstatSync(path, { throwIfNoEntry: false });
}

function userId(): number {
  // Absent on Windows only, which has no such directories and is not supported.
  return process.geteuid?.() ?? -1;
}
