/** Requests of commands to a single worker: whether it is there, how long it has been idle, and to end. */
import { connectWorker, makeHello } from "../client/connection/connect-worker.ts";
import { probeWorker } from "../client/connection/probe-worker.ts";
import { WorkerConnection, type WorkerConnectionOptions } from "../client/worker-connection.ts";
import type { Trust } from "../credentials/trust.ts";
import type { Carrier } from "../session/carrier.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/**
 * Greets a worker, as every caller does first, and disconnects: proof that it can be reached, and is the one
 * that its record describes.
 *
 * @param how `trust`: this side's credentials; `timeoutMs`: how long that may take.
 * @throws Why it cannot be called.
 */
export async function greetWorker(
  worker: WorkerMetadata,
  { trust, timeoutMs }: { readonly trust: Trust | undefined; readonly timeoutMs: number },
): Promise<void> {
  const connect = (found: WorkerMetadata): Promise<Carrier> => connectWorker(found, trust);
  const how = { connect, hello: makeHello, connectTimeoutMs: timeoutMs };
  await probeWorker(worker, how, new AbortController().signal);
}

/**
 * Asks a worker how long it has had nothing to do.
 *
 * @returns Milliseconds, 0 while it has calls; `undefined` if it cannot be asked, or does not answer in time.
 */
export async function idleTimeOf(
  worker: WorkerMetadata,
  options: WorkerConnectionOptions,
): Promise<number | undefined> {
  await using connection = new WorkerConnection(worker, options);
  return await connection.idle().catch(() => undefined);
}

/**
 * Asks a worker to end. Resolves when it has agreed, not when it has ended.
 *
 * @param options `graceMs`: how long its calls may take.
 * @throws Why it does not: it cannot be reached, or does not accept that from this caller.
 */
export async function stopWorker(
  worker: WorkerMetadata,
  { graceMs, ...options }: WorkerConnectionOptions & { readonly graceMs: number },
): Promise<void> {
  await using connection = new WorkerConnection(worker, options);
  await connection.stop({ grace: graceMs });
}
