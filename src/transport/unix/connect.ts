/** Opens and serves Unix domain sockets as carriers. */
import { chmodSync } from "node:fs";
import { createConnection, createServer, type Server } from "node:net";
import { HandshakeError } from "../../errors/handshake-error.ts";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import type { Carrier } from "../../session/carrier.ts";
import { UnixCarrier } from "./carrier.ts";

/**
 * Longest path of a Unix socket, in bytes.
 *
 * @see Linux keeps 108 bytes and macOS 104, one of them a terminator; Node 20 and 22 cut longer paths
 *   off silently, so that two different paths become one socket.
 */
export const MAX_SOCKET_PATH_BYTES = 103;

/** As much as Node itself reads at a time. */
const READ_BUFFER_BYTES = 64 * 1024;

/** Refuses a socket path that the system would truncate. */
function assertSocketPath(path: string): void {
  if (Buffer.byteLength(path) > MAX_SOCKET_PATH_BYTES) {
    throw new InvalidOptionError("socket path", {
      value: path,
      expected: `at most ${MAX_SOCKET_PATH_BYTES} bytes; set XDG_RUNTIME_DIR or TMPDIR to a shorter directory`,
    });
  }
}

/**
 * Connects to a worker's socket.
 *
 * @returns A carrier that does not keep the process alive by itself.
 * @throws {@link HandshakeError} when nobody listens there or the connection fails.
 */
export function connectUnix(path: string, options: { readonly maxBatchBytes: number }): Promise<Carrier> {
  assertSocketPath(path);
  return new Promise((resolve, reject) => {
    let carrier: UnixCarrier | undefined;
    // One buffer for all reads: a client decodes what arrives at once, and this spares it a stream's share of
    // the work, and an allocation, for every read.
    const socket = createConnection({
      path,
      onread: {
        buffer: Buffer.allocUnsafeSlow(READ_BUFFER_BYTES),
        callback(length, buffer) {
          carrier?.receive(buffer as Buffer, length);
          return true;
        },
      },
    });
    const fail = (error: Error): void => {
      reject(new HandshakeError(`Cannot connect to 'unix:${path}': ${error.message}`, { cause: error }));
    };
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.off("error", fail);
      socket.unref();
      carrier = new UnixCarrier(socket, { description: `unix:${path}`, volatile: true, ...options });
      resolve(carrier);
    });
  });
}

/** A listening socket. */
export interface UnixListener {
  /** Takes no more connections and removes the socket's file. */
  close(): Promise<void>;
}

/**
 * Serves a Unix socket that only this user can reach.
 *
 * @param accept Called with each new connection, in the turn in which it arrives.
 */
export function listenUnix(
  path: string,
  options: { readonly maxBatchBytes: number },
  accept: (carrier: Carrier) => void,
): Promise<UnixListener> {
  assertSocketPath(path);
  const server: Server = createServer({ allowHalfOpen: true }, (socket) => {
    accept(new UnixCarrier(socket, { description: `unix:${path}`, ...options }));
  });
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ path, backlog: 511 }, () => {
      server.off("error", reject);
      // A connection that could not be accepted is its client's loss, not the end of the worker.
      server.on("error", () => {});
      // Besides the directory's own mode, which is the boundary.
      chmodSync(path, 0o600);
      resolve({
        close: () => new Promise((closed) => server.close(() => closed())),
      });
    });
  });
}
