/** Opens Unix sockets as carriers. */
import { createConnection } from "node:net";
import { HandshakeError } from "../../errors/handshake-error.ts";
import type { Carrier } from "../../session/carrier.ts";
import { assertSocketPath } from "./assert-socket-path.ts";
import { UnixCarrier } from "./carrier.ts";

/** As much as Node itself reads at a time. */
const READ_BUFFER_BYTES = 64 * 1024;

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
