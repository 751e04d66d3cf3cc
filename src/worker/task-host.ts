/** What a task needs from its worker. Types only. */
import type { References } from "../codec/references.ts";
import type { Dispatcher } from "../context/dispatcher.ts";
import type { ArgumentRoom } from "../session/memory/argument-room.ts";

/** The worker as a task sees it. */
export interface TaskHost {
  readonly references: References;
  /** Marks remote stacks, for example `worker 4711`. */
  readonly origin: string;
  /** Whether it has begun to end. */
  readonly draining: boolean;
  /** When the batch came that a task is in, on the clock of `performance.now()`. */
  readonly arrivedMs: number;
  /** For the values that it is given. */
  readonly room: ArgumentRoom;
  /**
   * The dispatcher for nested calls, from the descriptor that came with the task; absent when none came.
   *
   * @param origin The task, for whose descriptor it is.
   */
  nestedDispatcher(descriptor: Uint8Array | undefined, origin: DescriptorOrigin): Dispatcher | undefined;
}

/** Where the descriptor of a proxy has come from. */
export interface DescriptorOrigin {
  /** Whether it has come over local carriers only, and may be believed. */
  readonly local: boolean;
  /** The connection over which it came with a root task; absent for a nested one. */
  readonly poolConnection: { readonly ended: boolean } | undefined;
}
