/**
 * The paths of a worker's Unix sockets: of the one on which it serves calls, and of the one beside it at which a
 * network worker takes requests to stop. The files are their servers' to create and to remove.
 */
import { randomBytes } from "node:crypto";
import { join } from "node:path";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { MAX_SOCKET_PATH_BYTES } from "../../internal/socket-path-limit.ts";
import { ownerName, sweepLeftovers } from "./leftovers.ts";
import { runtimeDirectory, socketDirectory } from "./runtime-directory.ts";

/** Suffix that turns the path of a worker's socket into that of its control socket. */
const CONTROL_SUFFIX = ".g";

/**
 * Makes up a path for a worker's Unix socket. Each call gives another one; none is ever given twice. The
 * file itself is its server's to create and to remove; its name tells which process asked for it.
 *
 * @returns An absolute path of at most 103 bytes, also with the ending of {@link controlSocketPath}.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `socketPath`) if the path of the
 *   directory is too long for that.
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
  return `${socketPath}${CONTROL_SUFFIX}`;
}
