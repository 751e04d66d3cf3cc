/** Tells whether a discovery can still find workers besides those that it has reported. Pure. */
import type { Discovery } from "./discovery.ts";

/** Whether it is a list of records: each stands for one worker, and nobody takes the place of one that has ended. */
export function isFixedList({ descriptor }: Discovery): boolean {
  const workers: unknown = descriptor?.kind === "static" ? descriptor.parameters.workers : undefined;
  return Array.isArray(workers) && workers.every((worker) => typeof worker === "object");
}
