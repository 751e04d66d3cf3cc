/**
 * The per-user directory that holds sockets and local advertisements, and the identity of this host.
 *
 * Node cannot see who is at the other end of a Unix socket, so this directory is the security boundary: it
 * belongs to this user, has mode 0700 and is no symbolic link, and that is checked each time it is asked for.
 */
import { createHash, randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readFileSync, type Stats } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { processWide } from "../../internal/process-wide.ts";
import { MAX_SOCKET_PATH_BYTES } from "../../wire/parse-worker-metadata.ts";
import { ownerName, sweepLeftovers } from "./leftovers.ts";

const MAKING_ATTEMPTS = 10;

/**
 * Returns the directory, making it where it is missing: `$XDG_RUNTIME_DIR/merino` when that variable names
 * a private directory of this user, else `merino-<uid>` in the system's directory for temporary files.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `runtimeDirectory`) if what stands
 *   there is not a directory of this user with mode 0700, or if nothing does and none can be made.
 */
export function runtimeDirectory(): string {
  const session = process.env.XDG_RUNTIME_DIR;
  const directory =
    session?.startsWith("/") && isPrivate(statOf(session))
      ? join(session, "merino")
      : // TMPDIR may be relative, and an address is not.
        resolve(tmpdir(), `merino-${userId()}`);
  return privateDirectory(directory);
}

/** Returns the directory of this user's sockets, making and checking it like {@link runtimeDirectory}. */
export function socketDirectory(): string {
  return privateDirectory(join(runtimeDirectory(), "s"));
}

/**
 * Makes up a path for a worker's Unix socket. Each call gives another one; none is ever given twice. The
 * file itself is its server's to create and to remove; its name tells which process asked for it.
 *
 * @returns An absolute path of at most 103 bytes, also with the ending of {@link controlSocketPath}.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `socketPath`) if the directory's own
 *   path is too long for that.
 */
export function socketPath(): string {
  const directory = socketDirectory();
  sweepLeftovers(runtimeDirectory());
  const path = join(directory, `${ownerName()}-${randomBytes(8).toString("base64url")}`);
  const longest = controlSocketPath(path);
  if (Buffer.byteLength(longest) > MAX_SOCKET_PATH_BYTES) {
    throw new InvalidOptionError("socketPath", {
      value: longest,
      expected: `at most ${MAX_SOCKET_PATH_BYTES} bytes; set XDG_RUNTIME_DIR or TMPDIR to a directory with a shorter path`,
    });
  }
  return path;
}

/** Path of the socket at which a network worker takes requests to stop, beside the one on which it serves calls. */
export function controlSocketPath(socketPath: string): string {
  return `${socketPath}.g`;
}

/**
 * Identifies this host between two boots, so that peers know whether they share sockets. The same in every
 * process of the host, as far as the host tells; it reveals nothing about the identifiers it is made of.
 */
export function hostId(): string {
  const cache = processWide("host-id", (): { value: string | undefined } => ({ value: undefined }));
  cache.value ??= computeHostId();
  return cache.value;
}

function computeHostId(): string {
  const bootId = contentOf("/proc/sys/kernel/random/boot_id");
  const machineId = contentOf("/etc/machine-id") ?? contentOf("/var/lib/dbus/machine-id");
  const parts = bootId === undefined && machineId === undefined ? [hostname()] : [bootId, machineId];
  return createHash("sha256")
    .update(`merino host\n${parts.join("\n")}`)
    .digest("hex")
    .slice(0, 24);
}

function contentOf(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch {
    // Absent or not for us: other systems, hardened containers. The rest still identifies the host.
    return undefined;
  }
}

/**
 * Returns `directory`, making it where it is missing and checking that it is this user's own.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `runtimeDirectory`) if it is not, or cannot
 *   be made.
 */
export function privateDirectory(directory: string): string {
  if (!isPrivate(makeDirectory(directory))) {
    throw new InvalidOptionError("runtimeDirectory", {
      value: directory,
      expected: `a directory (no link) of user ${userId()} with mode 0700; remove it or correct it with chown and chmod, or set XDG_RUNTIME_DIR`,
    });
  }
  return directory;
}

/** Makes the directory if there is nothing yet, and tells what is there. */
function makeDirectory(directory: string): Stats | undefined {
  try {
    let stats = statOf(directory);
    // More than once, as another process may be removing it, empty as it still is.
    for (let attempt = 0; stats === undefined && attempt < MAKING_ATTEMPTS; attempt++) {
      mkdirSync(directory, { recursive: true, mode: 0o700 });
      stats = statOf(directory);
    }
    return stats;
  } catch (error) {
    throw notMade(directory, error);
  }
}

function notMade(directory: string, cause: unknown): InvalidOptionError {
  return new InvalidOptionError(
    "runtimeDirectory",
    {
      value: directory,
      expected: `a path at which a directory can be made (${errorText(cause)}); make room or give this user the right to write there, or set XDG_RUNTIME_DIR to a private directory that can be written to`,
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
