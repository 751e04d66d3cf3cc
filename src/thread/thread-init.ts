/**
 * What a parent passes to a worker in a thread of its process: the settings, as the thread's `workerData`, and the
 * messages that a process does not get. Types only.
 */
import type { MessagePort } from "node:worker_threads";
import type { WorkerInit } from "../process/launch/worker-init.ts";
import type { ParentMessage } from "../process/worker.ts";

/** The thread's `workerData`. */
export interface ThreadInit {
  readonly merino: {
    readonly init: WorkerInit;
    /** The variables that it is to have, and no others. */
    readonly env: Readonly<Record<string, string>>;
    /** Node's options of the program, which the thread's own may lack some of. */
    readonly execArgv: readonly string[];
  };
}

/** A message of the parent to a worker in a thread. */
export type ThreadMessage =
  | ParentMessage
  /** Serve another connection, of the parent. */
  | {
      readonly type: "merino:connect";
      readonly port: MessagePort;
      /** From `createPortMemory`; the parent has side 0. */
      readonly memory: SharedArrayBuffer;
    };
