/** A call that is answered once, with a value or an error: how that is read, for calls and for attempts of calls alike. */
import { discard } from "../../codec/beside/attachments.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { errorText } from "../../internal/error-text.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import { Call, type CallOwner } from "./call.ts";

/** The call of a function. */
export abstract class SingleAnswerCall<Owner extends CallOwner = CallOwner> extends Call<Owner> {
  done(message: ReceivedMessage): void {
    this.responded(message.bodyUs);
    this.over();
    if (this.settled) return discard(message.attachments);
    let value: unknown;
    try {
      value = this.answerOf(message);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (this.settled) return; // by the program's own code, which decodes its classes
    this.settle();
    this.returned(value);
  }

  exception(message: ReceivedMessage): void {
    this.responded(message.bodyUs);
    this.over();
    if (this.settled || this.late()) return;
    let error: unknown;
    try {
      error = this.decode(message);
    } catch (failure) {
      this.fail(failure instanceof Error ? failure : new ProtocolError(errorText(failure)));
      return;
    }
    this.owner.threw(this);
    if (!this.settled) this.threw(error);
  }

  /** The value that the body has returned, once nothing of the answer is left to be read. */
  protected answerOf(message: ReceivedMessage): unknown {
    return this.decode(message);
  }

  /** The body has returned: the call is settled, and this is its value. */
  protected abstract returned(value: unknown): void;

  /** The body has thrown. The call is not settled yet. */
  protected abstract threw(error: unknown): void;
}
