/**
 * What a worker says of itself to whoever asks at its address, as a record for callers: complete, checked, and under
 * the address that was asked.
 */
import { controlSocketPath } from "../../transport/unix/socket-path.ts";
import { parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";

const UNIX = "unix:";

/**
 * Reads the description of the worker at an address.
 *
 * The address is the one to call, whatever the worker takes its own to be: it need not know how it is reached from
 * here. One that was reached over the network is no neighbour, whatever it says of hosts and sockets.
 *
 * @param description What it has answered, as plain data.
 * @param address `host:port`, `[v6]:port` or `unix:/path`.
 * @returns Undefined for what is no worker's record.
 */
export function parseDescription(description: unknown, address: string): WorkerMetadata | undefined {
  if (typeof description !== "object" || description === null) return undefined;
  const called = callAddress(address);
  const worker = parseWorkerMetadata({ ...description, address: called }, { unix: called.startsWith(UNIX) });
  if (worker === undefined) return undefined;
  // One that names no codec is not taken for ours.
  const { hostId: _, socket: __, ...rest } = worker;
  return Object.freeze({ ...rest, codecs: worker.codecs ?? Object.freeze([]) });
}

/** Where a worker at an address is asked for its description: over the network there, else at the socket for requests. */
export function describeAddress(address: string): string {
  return address.startsWith(UNIX)
    ? UNIX + controlSocketPath(callAddress(address).slice(UNIX.length))
    : address;
}

/** Where a worker at an address is called. Who has no record may know the socket for requests instead. */
function callAddress(address: string): string {
  const suffix = controlSocketPath("");
  return address.startsWith(UNIX) && address.endsWith(suffix) ? address.slice(0, -suffix.length) : address;
}
