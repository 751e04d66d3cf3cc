/**
 * What the handling of calls can ask and tell the proxy, or the pool around it, about its workers: whether more are
 * coming, why none came, how one was lost, which one is stuck. Types only.
 */
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import type { Member } from "../members/member.ts";

/** The routine suspected of blocking a worker. */
export interface Suspicion {
  /** Identity of the routine whose call was cancelled. */
  readonly culprit: string;
  /** True: the routine's body is running on the worker's thread. False: it may only be waiting for the thread. */
  readonly certain: boolean;
}

/** Where members come from, as far as calls are concerned. */
export interface MemberSupply {
  /** Whether a member may still become ready: found by a discovery, started as a replacement, or connecting now. */
  readonly memberDue: boolean;
  /** Whether anybody may come in the place of a worker that has ended; a fixed list names nobody else. */
  readonly replacementDue: boolean;
  /** The last reason why no worker could be started or found. */
  readonly lastStartError: Error | undefined;
  /** Tells what is known about a lost worker, within a short time. */
  describeLoss(member: Member): Promise<LostWorker>;
  /** Reports that a worker does not answer after a call on it was cancelled. Called again and again until it answers or ends. */
  unresponsive(member: Member, suspicion: Suspicion): void;
  /**
   * A worker failed to import the module of a routine. Node never retries a failed import, so that this worker can never
   * run it.
   *
   * @returns Whether another worker takes its place.
   */
  importFailed(member: Member): boolean;
}
