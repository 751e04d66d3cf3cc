/** The call of a routine that answers once: a promise. */
import { discard } from "../../codec/beside/attachments.ts";
import type { CallRequest } from "../../context/dispatcher.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import { Call, type CallOwner } from "./call.ts";
import type { CallContext } from "./call-context.ts";
import { rejectWithCallers } from "./caller-frames.ts";

/** A call and its promise. */
export class FunctionCall extends Call {
  readonly promise: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;

  /** @param context As {@link Call}'s. */
  constructor(owner: CallOwner, request: CallRequest, context?: CallContext) {
    super(owner, request, 0, context);
    try {
      this.variables = this.context?.first();
    } catch (error) {
      this.dismiss();
      throw error;
    }
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    keepAlive();
  }

  result(): void {
    this.responded(0);
    this.member?.session?.broken(this.stream, "a streamed value in answer to a function");
  }

  done(message: ReceivedMessage): void {
    this.responded(message.bodyUs);
    this.over();
    if (this.settled) return discard(message.attachments);
    let value: unknown;
    try {
      value = this.decode(message);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.settle();
    this.#resolve(value);
    letExit();
    this.owner.answered(this, "completed");
  }

  exception(message: ReceivedMessage): void {
    this.responded(message.bodyUs);
    this.over();
    if (this.settled || this.late()) return;
    try {
      this.fail(this.decodeThrown(message));
    } catch (error) {
      this.fail(error instanceof Error ? error : new ProtocolError(errorText(error)));
    }
  }

  protected reject(error: unknown, isOwn: boolean): void {
    // A task that is being cancelled may never come to await the calls it made: that is no unhandled rejection.
    if (this.parent?.cancelled === true) this.promise.catch(() => {});
    if (isOwn) rejectWithCallers(this.#resolve, error);
    else this.#reject(error);
    letExit();
  }
}
