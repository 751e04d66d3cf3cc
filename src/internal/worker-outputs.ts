/**
 * Whose output this process passes on: for each worker that it has started, by the path of its socket, a way to wait
 * until what has come is written. `process/` keeps it; whoever connects to such a worker has its answers wait for what
 * its bodies printed before (`transport/output/held-batches.ts`).
 */
import { processWide } from "./process-wide.ts";

/** Resolves once everything that the worker had written when it was called has been written here. Never rejects. */
export type OutputForwarded = () => Promise<void>;

const outputs = processWide("worker-outputs", () => new Map<string, OutputForwarded>());

/** Notes that this process passes on what the worker with this socket prints. */
export function passesOn(socketPath: string, forwarded: OutputForwarded): void {
  outputs.set(socketPath, forwarded);
}

/** Notes that the worker has ended. */
export function passesOnNoMore(socketPath: string): void {
  outputs.delete(socketPath);
}

/** The way to wait for the output of the worker with this socket; `undefined` if it is not passed on here. */
export function outputOf(socketPath: string): OutputForwarded | undefined {
  return outputs.get(socketPath);
}
