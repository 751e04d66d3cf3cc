/** What the channels of `merino:call:attempt` tell about one attempt of a call that may have several, at its caller. */
import type { CallMessage, CallOutcome, CallWorker } from "./call-message.ts";
import type { TraceContext } from "./trace-context.ts";

/** One attempt. The same object is published to every channel. */
export interface AttemptMessage {
  /** The call that it is of. */
  readonly call: CallMessage;
  /** Identity of the routine. */
  readonly routine: string;
  /** Which of the call's attempts it is, counting from 1. */
  readonly attempt: number;
  /** Whether it is made beside another one, which takes long. */
  readonly hedge: boolean;
  /** The worker that it was last sent to; undefined before. */
  readonly worker: CallWorker | undefined;
  /** Undefined until it is over. `cancelled`: also if another attempt has answered first. */
  readonly outcome: CallOutcome | undefined;
  /** What it has failed with, or was cancelled for. */
  readonly error: unknown;
  /** Whether the routine's body has thrown that, on its worker. */
  readonly thrownByBody: boolean;
  /** What travels with it: that of the call, unless a subscriber of `start` puts another one here. */
  trace: TraceContext | undefined;
}
