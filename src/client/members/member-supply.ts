/**
 * The port to the source of members: the knowledge that the proxy, and the pool around it, have of workers. Types
 * only.
 */
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import type { Member } from "./member.ts";

/** What seems to block a worker. */
export interface Suspicion {
  /** Identity of the routine whose call was cancelled. */
  readonly culprit: string;
  /** Whether its body is known to have the worker's thread; otherwise it may only be waiting for it. */
  readonly certain: boolean;
}

/** Where members come from, as far as calls are concerned. */
export interface MemberSupply {
  /** Whether a member may still come: from a discovery, or as a replacement. */
  readonly memberDue: boolean;
  /** The last reason why no worker could be started or found. */
  readonly lastStartError: Error | undefined;
  /** Tells what is known about a lost worker, within a short time. */
  describeLoss(member: Member): Promise<LostWorker>;
  /** A worker does not answer after a call on it was cancelled. Told again and again while that lasts. */
  unresponsive(member: Member, suspicion: Suspicion): void;
  /**
   * A worker could not import the module of a routine, and never can again.
   *
   * @returns Whether another worker takes its place.
   */
  importFailed(member: Member): boolean;
}
