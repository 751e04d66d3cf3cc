/** The options of a pool by what it runs its routines on, for tests that run with each. */
import type { WorkerPoolOptions } from "merino";

/** @param size How many workers it has, where it has any. */
export function poolOf(worker: "local" | "thread" | "process", size: number): WorkerPoolOptions {
  return worker === "local" ? { local: true } : { size, worker };
}
