/** The places of one run, all at the same port, as instances of a service are. */
import { once } from "node:events";
import { createServer, type Server } from "node:net";
import { Seat, type SeatOptions } from "./seat.ts";

/** Such places. Disposing ends all that is there. */
export interface Seats extends AsyncDisposable {
  readonly seats: readonly Seat[];
  /** Where callers find them. */
  readonly port: number;
}

/**
 * Opens a place at each address, without workers.
 *
 * @param findings Gets what should not have happened.
 * @param options What the workers are started with, given the port at which others find them.
 */
export async function openSeats(
  hosts: readonly string[],
  findings: string[],
  options: (port: number) => SeatOptions,
): Promise<Seats> {
  const port = await freePort(hosts);
  const workerPort = await freePort(hosts);
  const how = { options: options(port), findings };
  const seats = await Promise.all(
    hosts.map((host) => Seat.open({ proxy: { host, port }, worker: { host, port: workerPort } }, how)),
  );
  return {
    seats,
    port,
    async [Symbol.asyncDispose]() {
      await Promise.all(seats.map((seat) => seat[Symbol.asyncDispose]()));
    },
  };
}

/** A port that is free at all of the addresses. */
async function freePort(hosts: readonly string[]): Promise<number> {
  for (;;) {
    const servers: Server[] = [];
    let port = 0;
    try {
      for (const host of hosts) {
        const server = createServer().listen(port, host);
        await once(server, "listening");
        servers.push(server);
        port = (server.address() as { readonly port: number }).port;
      }
      return port;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EADDRINUSE") throw error;
    } finally {
      for (const server of servers) server.close();
      await Promise.all(servers.map((server) => server.listening && once(server, "close")));
    }
  }
}
