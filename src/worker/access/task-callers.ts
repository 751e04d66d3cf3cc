/** Who has called a task, as its head says and as far as that is believed. */
import type { LineageEntry } from "../../context/task.ts";
import type { Peer } from "../../credentials/peers/peer.ts";
import { TaskFlag } from "../../wire/task/flags.ts";
import type { TaskReader } from "../../wire/task/reader.ts";

/** The chain of callers; a client that knows only the nearest one names its id. */
export function callersOf(head: TaskReader): readonly LineageEntry[] | undefined {
  const callers = head.callers();
  if (callers !== undefined) return callers;
  const id = head.caller();
  return id === undefined ? undefined : [{ id, routine: "", tag: undefined }];
}

/** Whoever has not been verified itself vouches for nobody. */
export function originOf(head: TaskReader, peer: Peer): readonly string[] | undefined {
  const trusted = peer.local || peer.verified;
  if ((head.flags & TaskFlag.Nested) !== 0) return trusted ? head.origin() : undefined;
  return peer.verified ? peer.identities : undefined;
}
