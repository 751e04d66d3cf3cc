/** Serves Unix sockets that only this user can reach, each connection as a carrier. */
import { chmodSync } from "node:fs";
import { createServer, type Server } from "node:net";
import type { Carrier } from "../../session/carrier.ts";
import { assertSocketPath } from "./assert-socket-path.ts";
import { type Printed, UnixCarrier } from "./carrier.ts";

/** A listening socket. */
export interface UnixListener {
  /** Takes no more connections and removes the socket's file. */
  close(): Promise<void>;
}

/**
 * Serves a Unix socket that only this user can reach.
 *
 * @param options `printed`: what this process prints, for callers that pass it on.
 * @param accept Called with each new connection, in the turn in which it arrives.
 */
export function listenUnix(
  path: string,
  options: { readonly maxBatchBytes: number; readonly printed?: Printed | undefined },
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
      // A connection that could not be accepted fails at its client; the worker goes on.
      server.on("error", () => {});
      // Besides the directory's own mode, which is the boundary.
      chmodSync(path, 0o600);
      resolve({
        close: () => new Promise((closed) => server.close(() => closed())),
      });
    });
  });
}
