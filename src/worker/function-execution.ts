/**
 * The execution of a routine that answers once: its one step is the body. Where streams are in the answer, that is its head,
 * and the execution goes on until all of them have ended, or have been closed.
 */
import { decodeValue } from "../codec/decode/decoder.ts";
import { encodeValue } from "../codec/encode/encoder.ts";
import type { FlowKind } from "../codec/format.ts";
import type { FlowSink, References } from "../codec/references.ts";
import type { Branch } from "../context/variables/branch.ts";
import { abortReason } from "../internal/abort-reason.ts";
import { isThenable } from "../internal/is-thenable.ts";
import type { FlowsOwner } from "../session/flows/flow-link.ts";
import { SourceReader } from "../session/flows/source-reader.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { NO_PARTS, type Payload } from "../wire/payload.ts";
import { type AnswerKey, answerKeyOf } from "./answer-window.ts";
import { Execution } from "./execution.ts";
import type { Answer } from "./incoming-task.ts";
import { answerOnceRead } from "./unsent-answer.ts";

const OTHER_ARGUMENTS =
  "its idempotencyKey belongs to a call with other arguments; give each call a key of its own";

/** What is kept has come from a body of this process. */
const OWN = { local: true };

/** A function's task, accepted. */
export class FunctionExecution extends Execution implements FlowSink, FlowsOwner {
  /** The step was asked for before it could be taken. */
  #asked = false;
  /** Under which its answer is to be kept; absent once it is, or is not to be. */
  #key: AnswerKey | undefined;
  /** Its body has been called, and will tell of its end. */
  #isCalled = false;
  /** Streams of its answer that are not over; 0 before there are any. */
  #open = 0;
  /** The error of the first that has failed. */
  #failure: { readonly reason: unknown } | undefined;

  next(): void {
    this.#ask();
  }

  send(): void {
    this.#ask();
  }

  throw(): void {
    this.#ask();
  }

  return(): void {
    this.#ask();
  }

  credit(): void {
    // A function never runs ahead of its caller.
  }

  runInside(): void {
    const { idempotencyKey } = this.task;
    if (idempotencyKey !== undefined && this.#isKnown(idempotencyKey)) return;
    this.start();
    // Refused after all, or gone: its body has not been called, or has told of its end.
    if (this.#key !== undefined && this.phase === "over" && !this.#isCalled) this.#failed();
  }

  protected override finish(value: unknown): void {
    if (this.#key !== undefined) {
      this.host.answers.returned(this.#key, keepable(value, this.task.references));
      this.#key = undefined;
    }
    if (this.phase === "over") {
      closeAnswer(value); // nobody is there to read it
      return super.finish(value);
    }
    let answer: Answer;
    try {
      answer = this.task.encodeAnswer(value, this.#takesStreams ? this : undefined);
    } catch (error) {
      this.fail(error);
      return;
    }
    if (answer.payload.unread === undefined) return this.#answer(answer);
    const fail = (error: unknown): void => this.fail(error);
    answerOnceRead(this, this.host, answer, { send: () => this.#answer(answer), fail });
  }

  #answer(answer: Answer): void {
    if (this.#open === 0) this.done(answer);
    else this.#begin(answer);
  }

  /** Takes up an iterable or a stream in the answer. */
  addFlow(value: object, kind: FlowKind): number | string {
    const index = this.task.live.addAnswer(value, kind, this);
    if (typeof index === "number") this.#open += 1;
    return index;
  }

  /** Whether its answer may have streams: one that is kept for further calls would have them once only. */
  get #takesStreams(): boolean {
    return this.session.connection.takesFlows && this.task.idempotencyKey === undefined;
  }

  /** Sends the head of its answer: what follows is up to who reads the streams in it. */
  #begin({ payload, variables }: Answer): void {
    const { task, session } = this;
    const { cancellation } = task;
    if (cancellation !== undefined) return task.live.endAnswer(cancellation.reason);
    task.record?.responded(payload);
    try {
      session.result(this.stream, payload, this.takeBodyUs(), variables);
    } catch (error) {
      this.fail(error);
    }
  }

  flowOver(failure: { readonly reason: unknown } | undefined): void {
    this.#open -= 1;
    this.#failure ??= failure;
    if (this.#open > 0) return;
    const { cancellation } = this.task;
    const failed = cancellation ?? this.#failure;
    if (failed === undefined) this.finishWithoutValue();
    else this.fail(failed.reason);
  }

  flowsUnwanted(): void {
    this.task.fire(abortReason("The caller reads no more"));
  }

  keepStream(token: string, items: AsyncIterable<unknown>, branch: Branch): boolean {
    const { definition, session, host } = this;
    if (definition === undefined || !session.connection.takesHandOver) return false;
    return host.kept.keep(token, { definition, items, branch });
  }

  dropStream(token: string): void {
    this.host.kept.drop(token);
  }

  protected override fail(error: unknown): void {
    if (this.#key !== undefined) this.#failed();
    super.fail(error);
  }

  #failed(): void {
    if (this.#key !== undefined) this.host.answers.failed(this.#key);
    this.#key = undefined;
  }

  /** Whether a call with its key has been here, so that its body need not be called now. */
  #isKnown(key: string): boolean {
    const { task, session, host, definition } = this;
    const uid = session.connection.peer?.uid;
    if (definition === undefined || uid === undefined) return false;
    const known = answerKeyOf({ routine: definition.id, key, peer: task.peer, uid }, this.arguments);
    if (known === undefined) return false;
    const found = host.answers.find(known, () => this.enqueue());
    if (found === "run") this.#key = known;
    else if (found === "conflict") this.refuse(NackCode.BAD_PAYLOAD, OTHER_ARGUMENTS);
    else if (found === "wait")
      this.host.suspended(this); // or its caller would send nothing more here meanwhile
    else {
      super.finish(decodeValue(payloadOf(found.answer), { references: task.references, source: OWN }));
    }
    return found !== "run";
  }

  protected opened(stepImplied: boolean): void {
    if (stepImplied || this.#asked) this.enqueue();
  }

  protected returned(outcome: unknown): void {
    this.#isCalled = true;
    this.noteBodyTime();
    if (isThenable(outcome)) {
      Promise.resolve(outcome).then(
        (value: unknown) => this.finish(value),
        (error: unknown) => this.fail(error),
      );
      this.host.suspended(this);
    } else {
      this.finish(outcome);
    }
  }

  protected cancelRequested(): void {
    // The signal has fired; the rest is up to the body, or to its streams.
    this.#endStreams(this.task.cancellation?.reason);
  }

  #endStreams(reason: unknown): void {
    if (this.#open > 0) this.task.live.endAnswer(reason);
  }

  protected abandoned(): void {
    // As above.
  }

  protected released(): void {
    // It keeps nothing beside its arguments.
  }

  /** There is only one step: a request for another one means nothing. */
  #ask(): void {
    if (this.phase !== "ready") return;
    if (this.begun) this.enqueue();
    else this.#asked = true;
  }
}

/** Closes an iterable or a stream that is the whole answer. */
function closeAnswer(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  if (value instanceof ReadableStream || Symbol.asyncIterator in value)
    new SourceReader(value).close(abortReason("The caller is gone"));
}

/** A value as it can be kept, whatever becomes of it; `undefined` if it cannot. */
function keepable(value: unknown, references: References): Uint8Array | undefined {
  try {
    const { bytes, start, end, beside } = encodeValue(value, {
      root: "result",
      references,
      platform: true,
      inline: true,
    });
    return beside === undefined ? new Uint8Array(bytes.subarray(start, end)) : undefined;
  } catch {
    return undefined; // what is wrong with it, its own call says
  }
}

function payloadOf(bytes: Uint8Array): Payload {
  return { bytes, start: 0, end: bytes.length, parts: NO_PARTS };
}
