/** Candidates for balancer tests. */
import type { Candidate } from "../../src/balancer/balancer.ts";
import { workerMetadata } from "./worker-metadata.ts";

/** Makes a candidate that a test may change: idle and with room unless told otherwise. */
export function candidate(
  uid: string,
  state: { readonly inFlight?: number; readonly room?: boolean } = {},
): Candidate & { inFlight: number; room: boolean } {
  return { uid, metadata: workerMetadata({ uid }), inFlight: 0, room: true, ...state };
}
