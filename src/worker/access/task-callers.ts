/** Who has called a task, as its head says and as far as that is believed. */
import type { LineageEntry, TaskCaller } from "../../context/task.ts";
import type { Peer } from "../../credentials/peers/peer.ts";
import { TaskFlag } from "../../wire/task/flags.ts";
import type { TaskReader } from "../../wire/task/reader.ts";

/** The callers of one task. There are none of a root call of this host, nor of one of the network that nobody vouches for. */
export class TaskCallers {
  /** The tasks that it was called from, nearest first. */
  readonly tasks: readonly LineageEntry[];
  /** Whose call the chain began with, if somebody vouches for that. */
  readonly origin: readonly string[] | undefined;

  /** @param head The task's; it is not kept. */
  constructor(head: TaskReader, peer: Peer) {
    this.tasks = head.callers() ?? nearestOf(head);
    // Whoever has not been verified itself vouches for nobody.
    if ((head.flags & TaskFlag.Nested) === 0) this.origin = peer.verified ? peer.identities : undefined;
    else this.origin = peer.local || peer.verified ? head.origin() : undefined;
  }

  /** The nearest one, which has the next. */
  get nearest(): TaskCaller | undefined {
    let caller: TaskCaller | undefined;
    for (const task of [...this.tasks].reverse()) caller = { ...task, caller };
    return caller;
  }
}

/** A client that knows only the nearest one names its id. */
function nearestOf(head: TaskReader): readonly LineageEntry[] {
  const id = head.caller();
  return id === undefined ? [] : [{ id, routine: "", tag: undefined }];
}
