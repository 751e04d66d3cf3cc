/** Whether anybody listens on a Unix socket. Asks by connecting; says nothing about who it is. */
import { connect } from "node:net";

/**
 * Errors that mean: no file, or a file that nobody listens on. With any other error (a full backlog, for example)
 * somebody may be listening.
 */
const DEAD: ReadonlySet<string | undefined> = new Set(["ECONNREFUSED", "ENOENT", "ENOTSOCK"]);

/**
 * Connects to a Unix socket and disconnects at once.
 *
 * @param path At most 103 bytes.
 * @returns False if the connection was refused or the socket does not exist.
 */
export function isSocketServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.unref();
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", (error: NodeJS.ErrnoException) => {
      socket.destroy();
      resolve(!DEAD.has(error.code));
    });
  });
}
