/** The execution of a routine that answers once: its one step is the body. */
import { decodeValue } from "../codec/decode/decoder.ts";
import { encodeValue } from "../codec/encode/encoder.ts";
import type { References } from "../codec/references.ts";
import { isThenable } from "../internal/is-thenable.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { NO_PARTS, type Payload } from "../wire/payload.ts";
import { type AnswerKey, answerKeyOf } from "./answer-window.ts";
import { Execution } from "./execution.ts";

const OTHER_ARGUMENTS =
  "its idempotencyKey belongs to a call with other arguments; give each call a key of its own";

/** What is kept has come from a body of this process. */
const OWN = { local: true };

/** A function's task, accepted. */
export class FunctionExecution extends Execution {
  /** The step was asked for before it could be taken. */
  #asked = false;
  /** Under which its answer is to be kept; absent once it is, or is not to be. */
  #key: AnswerKey | undefined;
  /** Its body has been called, and will tell of its end. */
  #isCalled = false;

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
    super.finish(value);
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
    // The signal has fired; the rest is up to the body.
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

/** A value as it can be kept, whatever becomes of it; `undefined` if it cannot. */
function keepable(value: unknown, references: References): Uint8Array | undefined {
  try {
    const { bytes, start, end, beside } = encodeValue(value, { root: "result", references, inline: true });
    return beside === undefined ? new Uint8Array(bytes.subarray(start, end)) : undefined;
  } catch {
    return undefined; // what is wrong with it, its own call says
  }
}

function payloadOf(bytes: Uint8Array): Payload {
  return { bytes, start: 0, end: bytes.length, parts: NO_PARTS };
}
