/** Tells code that opens a pool whether it runs inside a worker, and whether it may open a pool there. */
import { processWide } from "./process-wide.ts";

/** What happens when a pool is opened, by where it is opened. */
export type OpenVerdict =
  /** Not part of an import: a running body. */
  | "allowed"
  /** The program's entry: the pool returns a promise that never settles. */
  | "suspend"
  /** Another module that is being imported: the pool throws `PoolInWorkerError`. */
  | "refuse";

/** The worker that this process is. */
export interface WorkerRole {
  readonly uid: string;
  /** Of its record. Absent in older copies. */
  readonly tags?: readonly string[];
  /** Of its record. Absent in older copies. */
  readonly extra?: Readonly<Record<string, string>>;
  /** URL of the entry module of the program that this worker belongs to, if it has one. */
  readonly entry: string | undefined;
  /** Decides about a pool that is being opened now. */
  readonly onOpen: () => OpenVerdict;
  /** The body of a routine that callers on the network may call; `undefined` for any other. Absent in older copies. */
  readonly exposedBody?: (id: string) => ((this: unknown, ...parameters: never[]) => unknown) | undefined;
}

const holder = processWide<{ role: WorkerRole | undefined }>("worker-role", () => ({ role: undefined }));

/** The role of this process, or `undefined` when it is no worker. */
export function workerRole(): WorkerRole | undefined {
  return holder.role;
}

/** Makes this process a worker. Called once, by its host. */
export function becomeWorker(role: WorkerRole): void {
  holder.role = role;
}
