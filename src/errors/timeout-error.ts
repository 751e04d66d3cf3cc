/** A call that was not accepted, or had not settled, by the time that was set for it. */
import { defineError, MerinoError } from "./merino-error.ts";

/** How far a call had come: not yet sent, sent to a worker, or known to be running there. */
export type CallPhase = "queued" | "sent" | "running";

/** The `timeout` or `dispatchTimeout` of a call ran out before it settled. */
export class TimeoutError extends MerinoError {
  static {
    defineError(this, { name: "TimeoutError", code: "ERR_MERINO_TIMEOUT", fault: "caller" });
  }
  /** How far the call had come. */
  readonly phase: CallPhase;
  /** The limit that was exceeded, in milliseconds. */
  readonly timeout: number;
  /** Identity of the routine called. */
  readonly routine: string;

  constructor(
    routine: string,
    details: { readonly phase: CallPhase; readonly timeout: number; readonly option?: string },
    options?: ErrorOptions,
  ) {
    super(
      `Cannot complete '${routine}' within its ${details.option ?? "timeout"} of ${Math.round(details.timeout * 1000) / 1000} ms: the call was ${details.phase}`,
      options,
    );
    this.routine = routine;
    this.phase = details.phase;
    this.timeout = details.timeout;
  }
}
