/** The check of a socket's path before it is used. It stands alone because a worker's listener thread loads it. */
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { MAX_SOCKET_PATH_BYTES } from "../../internal/socket-path-limit.ts";

/**
 * Refuses a path that the system would cut off.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `socket path`).
 */
export function assertSocketPath(path: string): void {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new InvalidOptionError("socket path", {
      value: path,
      expected: `at most ${MAX_SOCKET_PATH_BYTES} bytes; set XDG_RUNTIME_DIR or TMPDIR to a shorter directory`,
    });
  }
}
