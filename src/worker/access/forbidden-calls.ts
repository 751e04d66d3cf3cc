/**
 * Tells of calls that rules have forbidden, for an audit: on a channel of `node:diagnostics_channel`, of one caller and
 * routine once a second at most. Without a subscriber it does nothing.
 */
import { channel } from "node:diagnostics_channel";
import type { Peer } from "../../credentials/peers/peer.ts";
import { createThrottle } from "../../internal/time/throttle.ts";

/** A call that was forbidden, as subscribers of the channel `merino:call:forbidden` get it. */
export interface ForbiddenCall {
  /** Identity of the routine. */
  readonly routine: string;
  /** Which rule decided, as the caller is told. */
  readonly rule: string;
  /** Who has called. */
  readonly peer: Peer;
  /** How many calls of this caller to the routine were forbidden since the last message and have had none. */
  readonly suppressed: number;
}

const INTERVAL_MS = 1_000;
/** Callers and routines that are told apart: there may be as many as peers like. */
const MAX_KEYS = 4_096;

const forbidden = channel("merino:call:forbidden");

/** The forbidden calls of one worker. */
export class ForbiddenCalls {
  /** Of the call that is reported just now. */
  #call: Omit<ForbiddenCall, "suppressed"> | undefined;
  readonly #offer = createThrottle(
    (_text, suppressed) => {
      if (this.#call !== undefined) forbidden.publish({ ...this.#call, suppressed } satisfies ForbiddenCall);
    },
    { intervalMs: INTERVAL_MS, keyLimit: MAX_KEYS },
  );

  /** Reports one. */
  report(call: Omit<ForbiddenCall, "suppressed">): void {
    if (!forbidden.hasSubscribers) return;
    const { routine, peer } = call;
    this.#call = call;
    this.#offer(JSON.stringify([routine, peer.address, peer.identities]), "");
  }
}
