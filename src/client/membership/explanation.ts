/**
 * What `explain()` returns: every worker seen and what became of it, as data that stays as it was; and why a member
 * was not chosen, for the error of a call that no worker takes. Why a worker is not a member is said by
 * `admission.ts`.
 */

import { type HandshakeReason, handshakeReason } from "../../errors/handshake-error.ts";
import type { Refusal } from "../../errors/no-workers-available-error.ts";
import { type Resources, resourcesOf } from "../../internal/amounts.ts";
import type { Member } from "../members/member.ts";

/** One member. */
export interface ExplainedMember {
  /** Of its record, as `WorkerMetadata` has it. */
  readonly uid: string;
  /** Process id on its host. */
  readonly pid: number;
  /** `host:port`, `[v6]:port` or `unix:/path`. */
  readonly address: string;
  /** As the worker itself said when it was connected, else as it was announced. */
  readonly version: string;
  /** Which build of its program it runs, as was announced. Absent: it does not say. */
  readonly build?: string;
  /** What it has of what routines can need, as was announced. Absent: nothing. */
  readonly resources?: Resources;
  /** How much of that calls and reservations of this pool hold, as far as is known. Absent: nothing. */
  readonly resourcesUsed?: Resources;
  /** Spawned by this pool. */
  readonly own: boolean;
  /** `ready`: takes calls. `backing-off`: was not reached, and is tried again. */
  readonly state: "connecting" | "ready" | "backing-off";
  /** Takes no new root calls. */
  readonly draining: boolean;
  /** Calls of this process that have not ended there. */
  readonly inFlight: number;
  /** Calls of this process that have ended there. */
  readonly completed: number;
  /**
   * Identities of routines that it has said it does not have, as a worker of an older build: their calls go to others,
   * until it is connected anew or has another record. Absent while there are none.
   */
  readonly lacks?: readonly string[];
  /** Why it cannot be reached, while it cannot. */
  readonly error?: string;
  /** The same in one word, if that is for the credentials of either side. */
  readonly handshake?: HandshakeReason;
}

/** A routine of which calls wait for its limit, as `explain()` tells of it. */
export interface LimitedRoutine {
  /** Identity of the routine. */
  readonly routine: string;
  /** How many of its bodies one worker runs at a time; absent if only the workers know. */
  readonly limit: number | undefined;
  /** How many calls wait. */
  readonly waiting: number;
}

/** A proxy or pool, explained. */
export interface Explanation {
  /** This side's version. */
  readonly version: string;
  /** Members that must be ready before the first call goes out. */
  readonly quorum: number;
  /** The largest number of members; absent for no limit. */
  readonly lease: number | undefined;
  /** Calls waiting for a worker. */
  readonly queued: number;
  /** Calls held back until fewer wait; see `overflow`. */
  readonly held: number;
  /** How many calls may wait; absent for any number. */
  readonly maxQueue: number | undefined;
  /** For how long the call has waited that has waited longest, in milliseconds; 0 if none waits. */
  readonly oldestWait: number;
  /** The routines of which calls wait since as many of their bodies run as may. */
  readonly limited: readonly LimitedRoutine[];
  /** The calls that wait for resources, by what they need. */
  readonly resources: readonly WaitingForResources[];
  /** In order of admission. */
  readonly members: readonly ExplainedMember[];
  /** Workers seen that are not members, and why. */
  readonly refused: readonly Refusal[];
}

/** Calls that wait for resources, as `explain()` tells of them. */
export interface WaitingForResources {
  /** What each of them needs. */
  readonly needs: Resources;
  /** How many wait. */
  readonly waiting: number;
  /** The uid of the worker that is kept for the first of them; absent: none is. */
  readonly kept?: string;
}

/**
 * The member, explained.
 *
 * @param lacks Identities of the routines that it does not have.
 */
export function explainMember(member: Member, lacks: readonly string[]): ExplainedMember {
  const { uid, metadata, state, own, inFlight, draining, completed } = member;
  const failure = failureOf(member);
  return {
    uid,
    pid: metadata.pid,
    address: metadata.address,
    version: member.peer?.version ?? metadata.version,
    ...(metadata.build !== undefined && { build: metadata.build }),
    ...(metadata.resources !== undefined && { resources: metadata.resources }),
    ...(member.resources.ours.size > 0 && { resourcesUsed: resourcesOf(member.resources.ours) }),
    own,
    state: state.kind === "gone" ? "backing-off" : state.kind,
    draining,
    inFlight,
    completed,
    ...(lacks.length > 0 && { lacks }),
    ...(failure === undefined ? {} : { error: failure.message, ...handshakeOf(failure) }),
  };
}

/** Why it could not be reached the last time, also while that is tried again. */
function failureOf({ state }: Member): Error | undefined {
  return state.kind === "backing-off" || state.kind === "connecting" ? state.error : undefined;
}

function handshakeOf(error: Error): { readonly handshake?: HandshakeReason } {
  const handshake = handshakeReason(error);
  return handshake === undefined ? {} : { handshake };
}

/**
 * Why a call that found no worker was not sent to this member.
 *
 * @param quorum The members that calls still wait for; 0 if they go out.
 */
export function explainNotChosen(member: Member, quorum: number): Refusal {
  const { uid, state, draining } = member;
  const failure = failureOf(member);
  if (failure !== undefined) {
    return { uid, reason: "unreachable", ...handshakeOf(failure), detail: failure.message };
  }
  if (state.kind === "ready") {
    if (draining) return { uid, reason: "draining", detail: "it takes no new calls" };
    const why =
      quorum > 0 ? `is ready, and calls wait for a quorum of ${quorum}` : "is ready and was not chosen";
    return { uid, reason: "refused", detail: `it ${why}` };
  }
  return { uid, reason: "starting", detail: "its connection is being set up" };
}
