/** Serves Unix sockets that only this user can reach, each connection as a carrier. */
import { chmodSync } from "node:fs";
import { createServer, type Server, Socket, type SocketConstructorOpts } from "node:net";
import type { Carrier } from "../../session/carrier.ts";
import type { Printed } from "../output/printed.ts";
import { assertSocketPath } from "./assert-socket-path.ts";
import { CarrierRead, UnixCarrier } from "./carrier.ts";

/** A listening socket. */
export interface UnixListener {
  /** Takes no more connections and removes the socket's file. */
  close(): Promise<void>;
}

/** What Node's own servers make of the handle of a connection; it has no public name. */
interface HandleOwner {
  _handle: unknown;
}

/**
 * A socket that reads as it is told to, which a server's sockets cannot be told: over the same handle. The server's
 * socket stays, without it, until this one has closed, because the server counts those.
 */
function readingSocket(accepted: Socket, onread: CarrierRead): Socket {
  const owner = accepted as Socket & HandleOwner;
  const handle = owner._handle;
  owner._handle = null;
  const socket = new Socket({ handle, onread, allowHalfOpen: true } as SocketConstructorOpts);
  socket.once("close", () => accepted.destroy());
  return socket;
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
  const server: Server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (accepted) => {
    const read = new CarrierRead();
    const socket = readingSocket(accepted, read);
    accept(new UnixCarrier(socket, { description: `unix:${path}`, read, ...options }));
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
