/**
 * The execution of a routine that answers with a stream: its steps, one at a time and in the order asked for,
 * the values it produces ahead of its consumer, and how it is closed. However the stream ends, the generator's
 * `finally` blocks have been started.
 */

import { unreadIn } from "../../codec/beside/unread-blobs.ts";
import { abortReason } from "../../internal/abort-reason.ts";
import { errorText } from "../../internal/error-text.ts";
import { isThenable } from "../../internal/is-thenable.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import { NackCode } from "../../wire/messages/nack-code.ts";
import { payloadSize } from "../../wire/payload.ts";
import type { AnyGenerator } from "../body-stack.ts";
import { Execution } from "../execution.ts";
import type { ExecutionHost } from "../execution-host.ts";
import type { Answer, IncomingTask } from "../incoming-task.ts";
import { advance, closeThen, keepStep, NEXT, type Step, valueOf } from "./generator-step.ts";
import { KeptItems } from "./kept-items.ts";
import { PrefetchWindow } from "./prefetch-window.ts";
import { MAX_STEPS, StepQueue } from "./step-queue.ts";

/** A generator's task, accepted. */
export class GeneratorExecution extends Execution {
  #generator: AnyGenerator | undefined;
  /** Asked for and not yet taken, oldest first. */
  readonly #steps: StepQueue;
  #stepRunning = false;
  /** It has been cancelled, and the step that closes it is on its way. */
  #closing = false;
  /** The return that cut short the step under way. */
  #interruption: Step | undefined;
  /** Absent without prefetch. */
  readonly #window: PrefetchWindow | undefined;
  /** Its items, as far as they are for whoever shows a token; absent: they are its caller's. */
  #kept: KeptItems | undefined;
  /** Somebody has shown it. */
  #isTaken = false;
  /** What the step under way brings is for that one. */
  #isTakenStep = false;
  /** The caller has been told that the body has suspended. */
  #isParked = false;

  constructor(host: ExecutionHost, task: IncomingTask) {
    super(host, task);
    this.#steps = new StepQueue(this.session);
    this.#window = task.credit > 0 ? new PrefetchWindow(task.credit) : undefined;
  }

  override get unreadBytes(): number {
    return this.#generator === undefined ? super.unreadBytes : this.#steps.unreadBytes;
  }

  next(variables?: Uint8Array): void {
    this.#takeBack();
    this.#ask(variables === undefined ? NEXT : { kind: "next", variables });
  }

  send(message: ReceivedMessage): void {
    this.#takeBack();
    this.#ask(keepStep("send", message));
  }

  throw(message: ReceivedMessage): void {
    this.#takeBack();
    this.#ask(keepStep("throw", message));
  }

  return(message: ReceivedMessage): void {
    const step = keepStep("return", message);
    // A generator that runs ahead is in a step that nobody waits for.
    if (this.#window !== undefined || this.#kept !== undefined) this.#end(step);
    else this.#ask(step);
  }

  credit(values: number, variables?: Uint8Array): void {
    if (variables !== undefined && !this.#follow(variables)) return;
    this.#window?.taken(values);
    this.#runAhead();
  }

  runInside(): void {
    if (this.#generator === undefined) this.start();
    else this.#takeStep(this.#generator);
  }

  override handOver(successor: Execution): void {
    super.handOver(successor);
    for (let left = this.#steps.size; left > 0; left--) successor.next();
    this.#steps.clear();
  }

  protected opened(stepImplied: boolean): void {
    // The consumer may have asked for more while the routine was being found.
    if (stepImplied) this.#steps.unshift(NEXT);
    else this.#keep();
    if (this.#steps.size > 0) this.#enqueueStep();
  }

  protected returned(outcome: unknown): void {
    const generator = outcome as AnyGenerator; // the kind of routine says so
    this.#generator = generator;
    this.#takeStep(generator);
  }

  protected cancelRequested(): void {
    // Suspended at a yield: its finally blocks run, then the stream ends. In a step: likewise, after it.
    if (this.#generator !== undefined && !this.#stepRunning) this.#closeCancelled();
  }

  protected abandoned(): void {
    if (this.#generator !== undefined && !this.#stepRunning) this.#closeQuietly(this.#generator);
  }

  protected released(): void {
    this.#steps.clear();
    if (this.#kept === undefined) return;
    this.#kept.ended({ error: abortReason("The caller of the generator is gone, or has cancelled it") });
    this.#takeBack();
  }

  protected override fail(error: unknown): void {
    if (this.#kept !== undefined && this.phase !== "over") this.#kept.ended({ error: this.#told(error) });
    super.fail(error);
  }

  #told(error: unknown): unknown {
    try {
      return this.explain(error);
    } catch (problem) {
      return problem; // the thrown value throws when it is looked at
    }
  }

  // Whoever else has its items.

  /** Keeps the items for whoever shows the token that has come with the task, if one has. */
  #keep(): void {
    const { task, host, definition, session } = this;
    const { give } = task;
    if (give === undefined || definition === undefined || !session.connection.takesHandOver) return;
    const items = new KeptItems({
      ask: (step) => this.#ask(step),
      close: (step) => this.#end(step),
    });
    const isKept = host.kept.keep(give, {
      definition,
      items,
      get branch() {
        return task.branch;
      },
      taken: () => {
        this.#isTaken = true;
      },
    });
    if (isKept) this.#kept = items;
    else this.refuse(NackCode.BAD_PAYLOAD, "another stream is kept under the token that came with the task");
  }

  /** The caller asks for items itself, or nothing more comes. */
  #takeBack(): void {
    if (this.#kept === undefined || this.#isTaken) return;
    this.#kept = undefined;
    this.host.kept.drop(this.task.give as string); // it is kept under that
  }

  /** Takes the step, which ends it, as soon as the one under way is over; the signal fires so that this is soon. */
  #end(step: Step): void {
    if (this.#stepRunning) {
      this.#interruption = step;
      this.task.fire(abortReason("The consumer has returned the generator"));
    }
    this.#ask(step);
  }

  // Steps.

  #ask(step: Step): void {
    if (this.phase === "over") return;
    if (this.phase === "receiving") return; // a step before the arguments: the client may not do that
    if (this.#steps.full) {
      this.session.broken(this.stream, `more than ${MAX_STEPS} steps asked for ahead of their answers`);
      return;
    }
    this.#steps.push(step);
    if (this.begun && !this.#stepRunning) this.#enqueueStep();
  }

  #enqueueStep(): void {
    if (this.phase === "over" || this.queued) return;
    if (this.#generator !== undefined) this.host.active.takePermit(this);
    this.enqueue();
  }

  /** With prefetch: takes the next step by itself while the consumer's credit and window last. */
  #runAhead(): void {
    if (this.#window === undefined || this.phase !== "running" || this.#stepRunning || this.queued) return;
    if (this.#steps.size > 0 || this.#kept !== undefined) return;
    if (!this.#window.hasRoom(this.session.connection.peer?.limits.streamWindow ?? 0)) return;
    this.#steps.push(NEXT);
    this.#enqueueStep();
  }

  #takeStep(generator: AnyGenerator): void {
    const step = this.#steps.shift();
    if (step === undefined) return;
    if (step.variables !== undefined && !this.#follow(step.variables)) return;
    this.#stepRunning = true;
    this.#isTakenStep = step.isTaken === true;
    if (this.#window !== undefined && step.kind !== "next" && !this.#isTakenStep) {
      // The barrier: everything sent before this Ack was produced before the throw or return.
      this.session.ack(this.stream);
      this.#window.reset();
    }
    let outcome: unknown;
    try {
      outcome = advance(generator, step, this.task);
    } catch (error) {
      this.noteBodyTime();
      this.#stepFailed(error);
      return;
    }
    this.noteBodyTime();
    if (isThenable(outcome)) {
      Promise.resolve(outcome).then(
        (result: unknown) => this.#stepped(generator, result as IteratorResult<unknown>),
        (error: unknown) => this.#stepFailed(error),
      );
      this.#suspended();
    } else {
      this.#stepped(generator, outcome as IteratorResult<unknown>);
    }
  }

  /** The step goes on; of those that others have asked for, the caller is told once. */
  #suspended(): void {
    if (this.#isTakenStep && this.#isParked) return;
    this.#isParked ||= this.#isTakenStep;
    this.host.suspended(this);
  }

  #stepped(generator: AnyGenerator, outcome: IteratorResult<unknown>): void {
    if (isThenable(outcome.value)) {
      // A plain generator that yields a promise: the consumer gets its value, as `for await` would give it.
      Promise.resolve(outcome.value).then(
        (value: unknown) => this.#stepped(generator, { ...outcome, value } as IteratorResult<unknown>),
        (error: unknown) => this.#yieldFailed(generator, error),
      );
      return;
    }
    this.#stepRunning = false;
    if (this.phase === "over") {
      if (outcome.done === true) this.host.active.bodyEnded(this);
      else this.#closeQuietly(generator);
      return;
    }
    const { cancellation } = this.task;
    if (outcome.done === true) {
      // A generator that was closed because it was cancelled must not look as if it had come to its end.
      if (this.#closing && cancellation !== undefined) this.fail(cancellation.reason);
      else this.#finishWith(outcome.value);
      return;
    }
    if (cancellation !== undefined) {
      this.#closeCancelled();
      return;
    }
    if (this.#isTakenStep) {
      this.#suspended();
      this.#kept?.yielded(outcome.value);
      this.task.record?.stepped(0);
      return this.#goOn();
    }
    let answer: Answer;
    try {
      answer = this.task.encodeAnswer(outcome.value);
    } catch (error) {
      this.#failWith(generator, error);
      return;
    }
    const unread = unreadIn(answer.payload);
    if (unread === undefined) return this.#yielded(generator, answer);
    this.#stepRunning = true; // until the blobs in it have been read
    unread.read().then(
      () => this.#cameToYield(generator, () => this.#yielded(generator, answer)),
      (error: unknown) => this.#cameToYield(generator, () => this.#failWith(generator, error)),
    );
    this.host.suspended(this);
  }

  /** The step is over; what it has yielded counts, unless the task has ended or is to end. */
  #cameToYield(generator: AnyGenerator, goOn: () => void): void {
    this.#stepRunning = false;
    if (this.phase === "over") this.#closeQuietly(generator);
    else if (this.task.cancelled) this.#closeCancelled();
    else goOn();
  }

  #yielded(generator: AnyGenerator, answer: Answer): void {
    try {
      this.#send(answer);
    } catch (error) {
      this.#failWith(generator, error);
      return;
    }
    this.#goOn();
  }

  #goOn(): void {
    if (this.#steps.size > 0) this.#enqueueStep();
    else this.#runAhead();
    if (!this.queued) this.host.active.releasePermit(this);
  }

  #send({ payload, variables }: Answer): void {
    // Measured before it is sent: the encoder may use the object again.
    const sizeBytes = payloadSize(payload);
    this.session.result(this.stream, payload, this.takeBodyUs(), variables);
    this.#window?.sent(sizeBytes);
    this.task.record?.stepped(sizeBytes);
  }

  /** Goes on with what the caller has changed of the variables. @returns Whether it could be read. */
  #follow(variables: Uint8Array): boolean {
    try {
      this.task.variables.follow(variables);
      return true;
    } catch (error) {
      this.session.broken(this.stream, errorText(error));
      return false;
    }
  }

  #stepFailed(error: unknown): void {
    this.#stepRunning = false;
    const interruption = this.#interruption;
    if (interruption?.kind === "return" && !this.task.cancelled && this.task.isAbort(error)) {
      this.#interrupted(interruption); // it ended because it was told to end, and not by an error of its own
      return;
    }
    this.fail(error);
  }

  /** The return that has cut short the step under way is its end. */
  #interrupted(step: Step): void {
    let value: unknown;
    try {
      value = valueOf(step, this.task);
    } catch (error) {
      this.fail(error);
      return;
    }
    this.#finishWith(value);
  }

  /** A caller that does not know Done learns of the end alone. */
  #finishWith(value: unknown): void {
    this.#stepRunning = true; // no further step is taken, also while blobs in the value are being read
    this.#kept?.ended({ value });
    if (this.#kept !== undefined && this.#isTaken) this.finishWithoutValue();
    else if (this.session.knowsGrammar) this.finish(value);
    else this.finishWithoutValue();
  }

  /** A promise yielded by a plain generator has rejected: the error belongs at the yield. */
  #yieldFailed(generator: AnyGenerator, error: unknown): void {
    this.#stepRunning = false;
    if (this.phase === "over") return this.#closeQuietly(generator);
    this.#steps.unshift({ kind: "throw", value: error, isTaken: this.#isTakenStep });
    this.#enqueueStep();
  }

  // Closing.

  /** Takes one last step, which runs the finally blocks; the stream ends with the cancellation's reason. */
  #closeCancelled(): void {
    if (this.#closing) {
      // It yielded again while it was being closed: the stream ends all the same.
      this.fail(this.task.cancellation?.reason);
      return;
    }
    this.#closing = true;
    this.#steps.clear();
    this.#steps.push({ kind: "return", value: undefined });
    this.#enqueueStep();
  }

  /** A yielded value cannot be sent: the generator's finally blocks run, then the task fails with what ended the stream. */
  #failWith(generator: AnyGenerator, error: unknown): void {
    this.#stepRunning = true;
    closeThen(generator, this.task, () => this.fail(error));
  }

  /** Its consumer is gone. */
  #closeQuietly(generator: AnyGenerator): void {
    closeThen(generator, this.task, () => this.host.active.bodyEnded(this));
  }
}
