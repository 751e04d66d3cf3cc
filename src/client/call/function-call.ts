/** The call of a routine that answers once: a promise. */
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
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
    // A task that is being cancelled may never come to await the calls it made: that is no unhandled rejection.
    if (this.parent?.cancelled === true) this.promise.catch(() => {});
    if (isOwn) rejectWithCallers(this.#resolve, error);
    else this.#reject(error);
    letExit();
  }
}
