/**
 * What a parent passes to a worker in a thread of its process: the settings, as the thread's `workerData`, and the
 * messages that a process does not get. Types only.
 */
import type { MessagePort } from "node:worker_threads";
import type { WorkerInit } from "../process/launch/worker-init.ts";
import type { ParentMessage } from "../process/worker.ts";
import type { RingMemory } from "../transport/thread/ring-carrier.ts";

/** The thread's `workerData`. */
export interface ThreadInit {
  readonly merino: {
    readonly init: WorkerInit;
    /** The variables that it is to have, and no others. */
    readonly env: Readonly<Record<string, string>>;
    /** Node's options of the program, which the thread's own may lack some of. */
    readonly execArgv: readonly string[];
    /** The word by which its waiter is woken. */
    readonly sleep: SharedArrayBuffer;
  };
}

/** A message of the parent to a worker in a thread. */
export type ThreadMessage =
  | ParentMessage
  /** Serve another connection, of the parent. */
  | {
      readonly type: "merino:connect";
      readonly port: MessagePort;
      /** The parent is the client. */
      readonly memory: RingMemory;
      /** The word by which the parent's waiter is woken. */
      readonly parentSleep: SharedArrayBuffer;
    };
