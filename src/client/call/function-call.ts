/**
 * The call of a routine that answers once: a promise. Where streams are in the answer it is fulfilled by the head of that,
 * and the call goes on, with its clock and its signal, until they have ended.
 */
import { discard } from "../../codec/beside/attachments.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import type { CallOwner } from "./call.ts";
import type { CallContext } from "./call-context.ts";
import { rejectWithCallers } from "./caller-frames.ts";
import type { PlacedRequest } from "./placed-request.ts";
import { SingleAnswerCall } from "./single-answer-call.ts";

/** A call and its promise. */
export class FunctionCall extends SingleAnswerCall {
  readonly promise: Promise<unknown>;
  #resolve!: (value: unknown) => void;
  #reject!: (error: unknown) => void;
  /** Its promise is fulfilled, and streams of its answer are open. */
  #isStreaming = false;

  /** @param context As {@link Call}'s. */
  constructor(owner: CallOwner, request: PlacedRequest, context?: CallContext) {
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

  override get isUnread(): boolean {
    return this.#isStreaming && !this.isAnswerAwaited;
  }

  result(message: ReceivedMessage): void {
    // The body has returned what goes on producing items: it does not have the thread.
    if (this.occupiesThread) this.parked(message.bodyUs);
    else this.responded(message.bodyUs);
    const session = this.member?.session;
    if (this.settled || session === undefined) return discard(message.attachments);
    if (this.#isStreaming) return session.broken(this.stream, "a second value in answer to a function");
    const flows = this.answerFlows(session, this.stream, this.context);
    let value: unknown;
    try {
      value = this.decode(message, flows);
    } catch (error) {
      this.abort(error);
      return;
    }
    if (this.settled) return; // by the program's own code, which decodes its classes
    if (!flows.inAnswer)
      return session.broken(this.stream, "a streamed value in answer to a function, with no stream in it");
    this.#isStreaming = true;
    this.#resolve(value);
    letExit();
  }

  override done(message: ReceivedMessage): void {
    if (!this.#isStreaming) return super.done(message);
    this.responded(message.bodyUs);
    this.over();
    if (this.settled) return;
    this.settle();
    this.owner.answered(this, "completed");
  }

  protected returned(value: unknown): void {
    this.#resolve(value);
    letExit();
    this.owner.answered(this, "completed");
  }

  protected threw(error: unknown): void {
    this.record?.thrownByBody();
    this.fail(error);
  }

  protected reject(error: unknown, isOwn: boolean): void {
    if (this.#isStreaming) return; // whoever reads the streams has been told
    // A task that is being cancelled may never come to await the calls it made: that is no unhandled rejection.
    if (this.parent?.cancelled === true) this.promise.catch(() => {});
    if (isOwn) rejectWithCallers(this.#resolve, error);
    else this.#reject(error);
    letExit();
  }
}
