/** What a worker tells the code that it runs about itself. */
import { workerRole } from "../internal/worker-role.ts";

/** The worker in which code runs. */
export interface WorkerSelf {
  /** As its record has it. */
  readonly uid: string;
  /** As its record has them. */
  readonly tags: readonly string[];
  /** Entries of its record; see `WorkerPoolOptions.extra`. */
  readonly extra: Readonly<Record<string, string>>;
}

/** The worker that this process or thread is; undefined in a program. */
export function workerSelf(): WorkerSelf | undefined {
  const role = workerRole();
  return role && { uid: role.uid, tags: role.tags ?? [], extra: role.extra ?? {} };
}
