/** Opens Unix sockets as carriers. */
import { createConnection } from "node:net";
import { HandshakeError } from "../../errors/handshake-error.ts";
import type { OutputForwarded } from "../../internal/worker-outputs.ts";
import type { Carrier } from "../../session/carrier.ts";
import { assertSocketPath } from "./assert-socket-path.ts";
import { CarrierRead, UnixCarrier } from "./carrier.ts";

/**
 * Connects to a worker's socket.
 *
 * @param options `forwarded`: where this process passes on what the worker prints.
 * @returns A carrier that does not keep the process alive by itself.
 * @throws {@link HandshakeError} when nobody listens there or the connection fails.
 */
export function connectUnix(
  path: string,
  options: { readonly maxBatchBytes: number; readonly forwarded?: OutputForwarded | undefined },
): Promise<Carrier> {
  assertSocketPath(path);
  return new Promise((resolve, reject) => {
    const read = new CarrierRead();
    const socket = createConnection({ path, onread: read });
    const fail = (error: Error): void => {
      reject(new HandshakeError(`Cannot connect to 'unix:${path}': ${error.message}`, { cause: error }));
    };
    socket.once("error", fail);
    socket.once("connect", () => {
      socket.off("error", fail);
      socket.unref();
      resolve(new UnixCarrier(socket, { description: `unix:${path}`, read, ...options }));
    });
  });
}
