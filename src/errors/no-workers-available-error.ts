/** A call that found no worker. */
import type { HandshakeReason } from "./handshake-error.ts";
import { defineError, MerinoError } from "./merino-error.ts";

/** Workers of which the message tells; `reasons` has all. */
const MAX_NAMED = 16;

/** Why one worker was not used. */
export interface Refusal {
  /** The worker's uid, or a placeholder when none is known. */
  readonly uid: string;
  /**
   * `version`, `codec`, `security`, `filter`, `build`: it may not become a member. `capacity`: all places are taken.
   * `unreachable`, `starting`, `draining`: a member that cannot take calls now. `refused`: it would not take
   * this task. `evicted`: it was a member and broke a rule.
   */
  readonly reason:
    | "version"
    | "codec"
    | "security"
    | "filter"
    | "build"
    | "capacity"
    | "evicted"
    | "unreachable"
    | "refused"
    | "starting"
    | "draining";
  /** Why it is `unreachable`, if that is for the credentials of either side. */
  readonly handshake?: HandshakeReason;
  /** What happened, for people. */
  readonly detail: string;
}

/** Every candidate was offered the task before any accepted it; nothing has run. */
export class NoWorkersAvailableError extends MerinoError {
  static {
    defineError(this, {
      name: "NoWorkersAvailableError",
      code: "ERR_MERINO_NO_WORKERS",
      fault: "configuration",
    });
  }
  /** One entry per worker seen, in the order seen. */
  readonly reasons: readonly Refusal[];

  constructor(reasons: readonly Refusal[], options?: ErrorOptions) {
    super(`Cannot dispatch the task: ${summarize(reasons, options?.cause)}`, options);
    this.reasons = reasons;
  }
}

function summarize(reasons: readonly Refusal[], cause: unknown): string {
  if (reasons.length === 0) {
    return cause instanceof Error
      ? `there is no worker. ${cause.message}`
      : "there is no worker; check the pool's size and its discovery";
  }
  const named = reasons
    .slice(0, MAX_NAMED)
    .map(({ uid, reason, detail }) => `worker '${uid}' ${reason} (${detail})`);
  const more = reasons.length - named.length;
  return more === 0 ? named.join("; ") : `${named.join("; ")}; and ${more} more`;
}
