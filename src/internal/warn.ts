/**
 * Warnings for whoever runs the program: about faults that concern no call in particular.
 *
 * Limits nothing: if a peer can cause a warning again and again, the caller puts a throttle in front.
 */
import { shownBelow } from "./shown-text.ts";

/** The code of a warning, by which programs tell warnings apart. `docs/failures.md` says what each means. */
export type WarningCode =
  | "MERINO_ACCEPT_HOOK"
  | "MERINO_BAD_ADVERTISEMENT"
  | "MERINO_BALANCER_FAILED"
  | "MERINO_BUG"
  | "MERINO_BUILD_FAILED"
  | "MERINO_CLOSE_FAILED"
  | "MERINO_CLOSE_WAITS"
  | "MERINO_CONTEXT_LEFT_BEHIND"
  | "MERINO_CONTEXT_RACE"
  | "MERINO_CONTEXT_ROOT"
  | "MERINO_CRASH_LOOP"
  | "MERINO_CREDENTIALS_NOT_RENEWED"
  | "MERINO_CREDENTIALS_SLOW"
  | "MERINO_DISCOVERY"
  | "MERINO_DISCOVERY_FAILED"
  | "MERINO_INEFFECTIVE_LEASE"
  | "MERINO_LOCAL_RECURSION"
  | "MERINO_LONG_QUEUE"
  | "MERINO_LOOPBACK_ADVERTISED"
  | "MERINO_NOTHING_FOUND"
  | "MERINO_OPENTELEMETRY"
  | "MERINO_PEERS_FAILED"
  | "MERINO_PUBLISH_FAILED"
  | "MERINO_RETRY_BUDGET"
  | "MERINO_SHARED_ID"
  | "MERINO_STALE_WORKERS"
  | "MERINO_TRACE_LEFT_BEHIND"
  | "MERINO_WORKER_STATE"
  | "MERINO_WORKER_UNREACHABLE";

/**
 * Emits a warning of the process; Node prints it unless the program listens for it.
 *
 * @param message A sentence for people: what happened and, if something can be done, what to do.
 */
export function warn(code: WarningCode, message: string): void {
  process.emitWarning(shownBelow(message), { type: "MerinoWarning", code });
}
