/**
 * One task on the worker, from its head to its one terminal frame: decodes the arguments when its turn
 * comes, runs the body or the generator's steps, and answers. It is also the task that the body sees.
 */

import { decodeValue } from "../codec/decoder.ts";
import { encodeThrown, encodeValue } from "../codec/encoder.ts";
import type { References, SignalSource } from "../codec/references.ts";
import type { Dispatcher } from "../context/dispatcher.ts";
import { type Scope, scopeStorage } from "../context/scope.ts";
import type { Abortable, LineageEntry, RunningTask, TaskCaller } from "../context/task.ts";
import { isMerinoError } from "../errors/merino-error.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { TaskRefusedError } from "../errors/task-refused-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { type DeadlineEntry, deadlines } from "../internal/deadline-queue.ts";
import type { FifoNode } from "../internal/fifo.ts";
import type { HoldEstimate } from "../internal/hold-estimate.ts";
import { refusal, type ServerSession, type ServerStream } from "../session/server-session.ts";
import { NO_PARTS } from "../session/session.ts";
import { Refusal } from "../wire/refusal.ts";
import { TaskFlag } from "../wire/task-flags.ts";
import type { Runnable, RunQueue } from "./run-queue.ts";

/** How many ancestors travel with a nested call. */
const MAX_LINEAGE = 32;

/** What an execution needs of the worker around it. */
export interface ExecutionHost {
  readonly queue: RunQueue;
  readonly references: References;
  /** Marks remote stacks, for example `worker 4711`. */
  readonly origin: string;
  taskId(session: ServerSession, stream: number): string;
  /** Where calls made by this task go. */
  dispatcher(execution: Execution): Dispatcher | undefined;
  estimate(definition: RoutineDefinition): HoldEstimate;
  /** Completes an error of a body with what the worker knows about its module. */
  explainError(definition: RoutineDefinition, error: unknown): unknown;
  /** The body was started and has not settled at once. */
  suspended(execution: Execution): void;
  /** A suspended generator holds no place among the root calls, and takes one up again with its next step. */
  suspendedAtYield(execution: Execution): void;
  resumed(execution: Execution): void;
  /** The terminal frame has been written, or can no longer be. */
  ended(execution: Execution): void;
  /** The payload is here and the routine known: the task may be queued. */
  runnable(execution: Execution): void;
}

/** What the head of a task says. */
export interface TaskHead {
  readonly stream: number;
  readonly flags: number;
  readonly budgetUs: number;
  readonly credit: number;
  readonly tag: string | undefined;
  readonly callers: readonly LineageEntry[] | undefined;
  readonly proxyRef: number;
}

type Step =
  | { readonly kind: "next" }
  | { readonly kind: "send" | "throw" | "return"; readonly value: unknown }
  | { readonly kind: "malformed"; readonly error: unknown };

const NEXT: Step = { kind: "next" };

type AnyGenerator = Generator<unknown, unknown, unknown> | AsyncGenerator<unknown, unknown, unknown>;

/** A task that this worker has accepted. */
export class Execution implements ServerStream, Runnable, Scope, RunningTask, SignalSource {
  readonly session: ServerSession;
  readonly stream: number;
  readonly head: TaskHead;
  readonly tag: string | undefined;
  /** Whether it counts among the worker's root calls. */
  permit = false;
  readonly #host: ExecutionHost;
  readonly #arrivedMs: number;
  #definition: RoutineDefinition | undefined;
  #estimate: HoldEstimate | undefined;
  /** `receiving` until the payload is here; `ready` until queued and started; `over` once terminal. */
  #state: "receiving" | "ready" | "running" | "over" = "receiving";
  #bytes: Uint8Array = EMPTY;
  #start = 0;
  #end = 0;
  #parts: readonly Uint8Array[] = NO_PARTS;
  #node: FifoNode<Runnable> | undefined;
  #bodyUs = 0;
  #reported = false;
  #generator: AnyGenerator | undefined;
  #steps: Step[] | undefined;
  #stepRunning = false;
  /** Queued for the first time, or acknowledged; steps that came before wait for it. */
  #begun = false;
  #closing = false;
  #acked = false;
  #credit: number;
  /** Sizes of the values sent ahead and not yet taken, oldest first. */
  #aheadSizes: number[] | undefined;
  #aheadBytes = 0;
  #controller: AbortController | undefined;
  /** The caller has ended the task. */
  #cancelled: { readonly reason: unknown } | undefined;
  /** The task's signal has fired, or would have if anybody had asked for it. */
  #fired: { readonly reason: unknown } | undefined;
  /** The return that cut short the step under way. */
  #interruption: Step | undefined;
  #children: Set<Abortable> | undefined;
  #signals: Map<number, AbortController> | undefined;
  #id: string | undefined;
  #deadlineEntry: DeadlineEntry | undefined;

  constructor(host: ExecutionHost, session: ServerSession, head: TaskHead) {
    this.#host = host;
    this.session = session;
    this.stream = head.stream;
    this.head = head;
    this.tag = head.tag;
    this.#credit = head.credit;
    this.#arrivedMs = head.budgetUs > 0 ? performance.now() : 0;
  }

  // The task as its body sees it.

  get task(): RunningTask {
    return this;
  }

  get dispatcher(): Dispatcher | undefined {
    return this.#host.dispatcher(this);
  }

  get id(): string {
    this.#id ??= this.#host.taskId(this.session, this.stream);
    return this.#id;
  }

  get routine(): string {
    return this.#definition?.id ?? "";
  }

  get caller(): TaskCaller | undefined {
    let caller: TaskCaller | undefined;
    for (const entry of [...(this.head.callers ?? [])].reverse()) caller = { ...entry, caller };
    return caller;
  }

  get deadline(): number | undefined {
    return this.head.budgetUs > 0 ? this.#arrivedMs + this.head.budgetUs / 1000 : undefined;
  }

  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired !== undefined) this.#controller.abort(this.#fired.reason);
    }
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#cancelled !== undefined;
  }

  lineage(): readonly LineageEntry[] {
    const self: LineageEntry = { id: this.id, routine: this.routine, tag: this.tag };
    return [self, ...(this.head.callers ?? [])].slice(0, MAX_LINEAGE);
  }

  attach(child: Abortable): void {
    this.#children ??= new Set();
    this.#children.add(child);
  }

  detach(child: Abortable): void {
    this.#children?.delete(child);
  }

  /** Whether the caller is itself a task. */
  get nested(): boolean {
    return (this.head.flags & TaskFlag.Nested) !== 0;
  }

  get over(): boolean {
    return this.#state === "over";
  }

  get started(): boolean {
    return this.#state === "running";
  }

  // Frames of the stream, in the order in which they arrive.

  payload(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void {
    if (this.#state !== "receiving") return;
    this.#bytes = bytes;
    this.#start = start;
    this.#end = end;
    this.#parts = parts;
    this.#state = "ready";
    if (this.#definition !== undefined) this.#host.runnable(this);
  }

  /** The routine has been found. */
  bind(definition: RoutineDefinition): void {
    if (this.#state === "over") return;
    this.#definition = definition;
    this.#estimate = this.#host.estimate(definition);
    if (this.#state === "ready") this.#host.runnable(this);
  }

  /** The payload is here and the routine known; with `NextImplied` the first step follows by itself. */
  begin(): void {
    this.#begun = true;
    if ((this.head.flags & TaskFlag.NextImplied) === 0) {
      this.#acked = true;
      this.session.ack(this.stream);
      if (this.#steps !== undefined) this.#enqueue();
      return;
    }
    // The consumer may have asked for more while the routine was being found.
    if (this.#steps === undefined) this.#step(NEXT);
    else {
      this.#steps.unshift(NEXT);
      this.#enqueue();
    }
  }

  next(): void {
    this.#step(NEXT);
  }

  send(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void {
    this.#step(this.#decodeStep("send", bytes, start, end, parts));
  }

  throw(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void {
    this.#step(this.#decodeStep("throw", bytes, start, end, parts));
  }

  return(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): void {
    // A generator that runs ahead is in a step that nobody waits for: its signal fires so that it ends soon.
    const step = this.#decodeStep("return", bytes, start, end, parts);
    if (this.head.credit > 0 && this.#stepRunning) {
      this.#interruption = step;
      this.#fire(abortReason("The consumer has returned the generator"));
    }
    this.#step(step);
  }

  credit(values: number): void {
    this.#credit += values;
    for (const size of this.#aheadSizes?.splice(0, values) ?? []) this.#aheadBytes -= size;
    this.#runAhead();
  }

  cancel(bytes: Uint8Array, start: number, end: number): void {
    let reason: unknown;
    try {
      reason =
        start === end ? abortReason("The call was cancelled") : this.#decode(bytes, start, end, NO_PARTS);
    } catch (error) {
      reason = error;
    }
    this.abort(reason);
  }

  lost(why: string): void {
    if (this.#state === "over") return;
    const running = this.#state === "running";
    const generator = this.#generator;
    this.#settle();
    this.#fire(abortReason(`The caller is gone: ${why}`));
    if (running && generator !== undefined && !this.#stepRunning) this.#closeQuietly(generator);
  }

  /** Ends the task with a reason: a queued one never starts, a running one sees its signal fire. */
  abort(reason: unknown): void {
    if (this.#state === "over" || this.#cancelled !== undefined) return;
    if (this.#state !== "running") {
      this.#refuse(Refusal.EXPIRED, "the call was cancelled before it started");
      return;
    }
    this.#cancelled = { reason };
    this.#fire(reason);
    // Suspended at a yield: its finally blocks run, then the stream ends. In a step: likewise, after it.
    if (this.#generator !== undefined && !this.#stepRunning) this.#closeCancelled(reason);
  }

  #closeCancelled(reason: unknown): void {
    if (this.#closing) {
      // It yielded again while it was being closed: the stream ends all the same.
      this.#fail(reason);
      return;
    }
    this.#closing = true;
    this.#steps = [{ kind: "return", value: undefined }];
    this.#enqueue();
  }

  // Running.

  get expectedHoldUs(): number | undefined {
    return this.#estimate?.us;
  }

  announce(): void {
    if (this.#state !== "ready" || this.#acked) return;
    this.#acked = true;
    this.session.ack(this.stream);
  }

  run(): void {
    this.#node = undefined;
    if (this.#state === "over") return;
    scopeStorage.run(this, runInside, this);
  }

  /** As `run`, with this task as the scope. */
  runInside(): void {
    if (this.#generator === undefined) this.#runBody();
    else this.#runStep();
  }

  get(index: number): AbortSignal {
    this.#signals ??= new Map();
    let controller = this.#signals.get(index);
    if (controller === undefined) {
      controller = new AbortController();
      this.#signals.set(index, controller);
    }
    return controller.signal;
  }

  /** Writes `parked` if the body is still under way and nothing has told the caller so yet. */
  reportSuspended(): void {
    if (this.#state !== "running" || this.#reported) return;
    this.#reported = true;
    this.session.parked(this.stream, this.#bodyUs);
  }

  /** One of the arguments' own signals has fired on the caller's side. */
  signalFired(index: number, bytes: Uint8Array, start: number, end: number): void {
    let reason: unknown;
    try {
      reason = this.#decode(bytes, start, end, NO_PARTS);
    } catch (error) {
      reason = error;
    }
    this.get(index);
    const controller = this.#signals?.get(index);
    if (controller?.signal.aborted === false) controller.abort(reason);
  }

  #runBody(): void {
    const definition = this.#definition as RoutineDefinition; // bound before it was queued
    if (this.deadline !== undefined && performance.now() >= this.deadline) {
      this.#refuse(Refusal.EXPIRED, "the budget ran out before the task started");
      return;
    }
    let receiver: unknown;
    let parameters: unknown[];
    try {
      parameters = this.#parameters();
      if ((this.head.flags & TaskFlag.Receiver) !== 0) receiver = parameters.shift();
    } catch (error) {
      this.#refuse(
        Refusal.BAD_PAYLOAD,
        isMerinoError(error) ? error.message : "the arguments could not be decoded",
      );
      return;
    }
    this.#state = "running";
    this.#bytes = EMPTY;
    this.#parts = NO_PARTS;
    this.#armDeadline();
    let outcome: unknown;
    try {
      outcome = Reflect.apply(definition.body, receiver, parameters);
    } catch (error) {
      this.#held();
      this.#fail(error);
      return;
    }
    if (definition.kind === "generator") {
      this.#generator = outcome as AnyGenerator;
      this.#runStep();
      return;
    }
    this.#held();
    if (isThenable(outcome)) {
      Promise.resolve(outcome).then(
        (value: unknown) => this.#finish(value),
        (error: unknown) => this.#fail(error),
      );
      this.#host.suspended(this);
    } else {
      this.#finish(outcome);
    }
  }

  #runStep(): void {
    const generator = this.#generator as AnyGenerator; // only called once there is one
    const step = this.#steps?.shift();
    if (step === undefined) return;
    this.#stepRunning = true;
    if (this.head.credit > 0 && step.kind !== "next") {
      // The barrier: everything sent before this Ack was produced before the throw or return.
      this.session.ack(this.stream);
      this.#aheadSizes = undefined;
      this.#aheadBytes = 0;
      this.#credit = this.head.credit;
    }
    let outcome: unknown;
    try {
      outcome = advance(generator, step);
    } catch (error) {
      this.#held();
      this.#stepFailed(error);
      return;
    }
    this.#held();
    if (isThenable(outcome)) {
      Promise.resolve(outcome).then(
        (result: unknown) => this.#stepped(result as IteratorResult<unknown>),
        (error: unknown) => this.#stepFailed(error),
      );
      this.#host.suspended(this);
    } else {
      this.#stepped(outcome as IteratorResult<unknown>);
    }
  }

  #stepped(outcome: IteratorResult<unknown>): void {
    if (isThenable(outcome.value)) {
      // A plain generator that yields a promise: the consumer gets its value, as `for await` would give it.
      Promise.resolve(outcome.value).then(
        (value: unknown) => this.#stepped({ ...outcome, value } as IteratorResult<unknown>),
        (error: unknown) => this.#yieldFailed(error),
      );
      return;
    }
    this.#stepRunning = false;
    if (this.#state === "over") {
      if (outcome.done !== true && this.#generator !== undefined) this.#closeQuietly(this.#generator);
      return;
    }
    if (outcome.done === true) {
      // One that was closed because it was cancelled must not look as if it had come to its end.
      if (this.#closing && this.#cancelled !== undefined) this.#fail(this.#cancelled.reason);
      else this.#finish(outcome.value);
      return;
    }
    if (this.#cancelled !== undefined) {
      this.#closeCancelled(this.#cancelled.reason);
      return;
    }
    let sizeBytes: number;
    try {
      const payload = this.#encodeResult(outcome.value);
      sizeBytes = payload.end - payload.start;
      for (const part of payload.parts) sizeBytes += part.length;
      this.session.result(this.stream, payload, this.#takeBodyUs());
    } catch (error) {
      this.#abandonGenerator(error);
      return;
    }
    if (this.head.credit > 0) {
      this.#credit -= 1;
      this.#aheadSizes ??= [];
      this.#aheadSizes.push(sizeBytes);
      this.#aheadBytes += sizeBytes;
    }
    if (this.#steps !== undefined && this.#steps.length > 0) this.#enqueue();
    else this.#runAhead();
    if (this.#node === undefined) this.#host.suspendedAtYield(this);
  }

  #stepFailed(error: unknown): void {
    this.#stepRunning = false;
    const interruption = this.#interruption;
    if (interruption?.kind === "return" && this.#cancelled === undefined && this.#isAbort(error)) {
      this.#finish(interruption.value); // it ended because it was told to, and not for a reason of its own
      return;
    }
    this.#fail(error);
  }

  #isAbort(error: unknown): boolean {
    return error === this.#fired?.reason || (error instanceof Error && error.name === "AbortError");
  }

  /** A promise yielded by a plain generator has rejected: the error belongs at the yield. */
  #yieldFailed(error: unknown): void {
    this.#stepRunning = false;
    if (this.#state === "over") return;
    this.#steps = [{ kind: "throw", value: error }, ...(this.#steps ?? [])];
    this.#enqueue();
  }

  /** A yielded value cannot be sent: the generator's finally blocks run, then the call fails. */
  #abandonGenerator(error: unknown): void {
    const generator = this.#generator as AnyGenerator; // a value was yielded by it
    this.#stepRunning = true;
    const fail = (): void => this.#fail(error);
    try {
      const closing: unknown = scopeStorage.run(this, () => generator.return(undefined));
      if (isThenable(closing)) closing.then(fail, fail);
      else fail();
    } catch {
      fail(); // the error that ended the stream is the one to report
    }
  }

  #finish(value: unknown): void {
    if (this.#state === "over") return;
    let payload: ReturnType<typeof encodeValue>;
    try {
      payload = this.#encodeResult(value);
    } catch (error) {
      this.#fail(error);
      return;
    }
    const bodyUs = this.#takeBodyUs();
    this.#settle();
    this.session.done(this.stream, payload, bodyUs);
  }

  #encodeResult(value: unknown): ReturnType<typeof encodeValue> {
    const payload = encodeValue(value, {
      root: "result",
      references: this.#host.references,
      fault: "routine",
    });
    const excess = this.session.session.excess(payload);
    if (excess !== undefined) {
      throw new TaskRefusedError(
        "TOO_LARGE",
        `Cannot send the result of '${this.routine}': ${excess.sizeBytes} bytes exceed the ${excess.limitBytes} that the caller accepts; return less at a time, for example from a generator`,
      );
    }
    return payload;
  }

  #fail(error: unknown): void {
    if (this.#state === "over") return;
    const definition = this.#definition as RoutineDefinition; // it has run
    const options = { root: "error", references: this.#host.references, origin: this.#host.origin };
    let payload: ReturnType<typeof encodeThrown>;
    try {
      payload = encodeThrown(this.#host.explainError(definition, error), options);
    } catch (problem) {
      payload = encodeThrown(problem, options); // what was thrown throws when it is looked at
    }
    const bodyUs = this.#takeBodyUs();
    this.#settle();
    this.session.exception(this.stream, payload, bodyUs);
  }

  #refuse(code: number, reason: string): void {
    if (this.#state === "over") return;
    this.#settle();
    this.session.nack(this.stream, refusal(code, reason));
  }

  /** Refuses the task before it has started, for a reason found while resolving its routine. */
  refuse(code: number, reason: string): void {
    this.#refuse(code, reason);
  }

  #settle(): void {
    this.#state = "over";
    if (this.#node !== undefined) this.#host.queue.remove(this.#node);
    this.#node = undefined;
    this.#bytes = EMPTY;
    this.#parts = NO_PARTS;
    if (this.#deadlineEntry !== undefined) deadlines.cancel(this.#deadlineEntry);
    this.#host.ended(this);
  }

  /** Fires the task's own signal and ends the calls it is waiting for. */
  #fire(reason: unknown): void {
    this.#fired ??= { reason };
    this.#controller?.abort(reason);
    const children = this.#children;
    if (children === undefined) return;
    this.#children = undefined;
    for (const child of children) child.abort(reason);
  }

  #armDeadline(): void {
    const { deadline } = this;
    if (deadline === undefined) return;
    // The caller's Cancel comes at the same moment; this one is for a caller that is busy or gone.
    this.#deadlineEntry = deadlines.add(deadline, () =>
      this.abort(abortReason("The call's budget ran out", "TimeoutError")),
    );
  }

  #step(step: Step): void {
    if (this.#state === "over") return;
    if (this.#state === "receiving") return; // a step before the arguments: the client may not do that
    if (!this.#begun) {
      this.#steps ??= [];
      this.#steps.push(step);
      return;
    }
    if (this.#definition?.kind === "function") {
      // One step is all there is; the stream's later ones have no meaning.
      if (this.#state === "ready") this.#enqueue();
      return;
    }
    this.#steps ??= [];
    this.#steps.push(step);
    if (!this.#stepRunning && this.#node === undefined) this.#enqueue();
  }

  #enqueue(): void {
    if (this.#state === "over" || this.#node !== undefined) return;
    if (this.#generator !== undefined) this.#host.resumed(this);
    this.#node = this.#host.queue.push(this);
    this.#host.queue.kick();
  }

  /** With prefetch: takes the next step by itself while the consumer's credit and window last. */
  #runAhead(): void {
    if (this.head.credit === 0 || this.#state !== "running" || this.#stepRunning || this.#node !== undefined)
      return;
    if ((this.#steps?.length ?? 0) > 0) return;
    const window = this.session.session.peer?.limits.streamWindow ?? 0;
    if (this.#credit <= 0 || (this.#aheadBytes > 0 && this.#aheadBytes >= window)) return;
    this.#steps ??= [];
    this.#steps.push(NEXT);
    this.#enqueue();
  }

  #held(): void {
    const us = this.#host.queue.mark();
    this.#bodyUs = us;
    this.#reported = false;
    this.#estimate?.add(us);
  }

  #takeBodyUs(): number {
    if (this.#reported) return 0;
    this.#reported = true;
    return this.#bodyUs;
  }

  #parameters(): unknown[] {
    const value = this.#decode(this.#bytes, this.#start, this.#end, this.#parts);
    if (!Array.isArray(value)) throw new PayloadError("The arguments of a task must be an array");
    return value;
  }

  #decode(bytes: Uint8Array, start: number, end: number, parts: readonly Uint8Array[]): unknown {
    return decodeValue(bytes, start, end, parts, { references: this.#host.references, signals: this });
  }

  #decodeStep(
    kind: "send" | "throw" | "return",
    bytes: Uint8Array,
    start: number,
    end: number,
    parts: readonly Uint8Array[],
  ): Step {
    try {
      return { kind, value: start === end ? undefined : this.#decode(bytes, start, end, parts) };
    } catch (error) {
      return { kind: "malformed", error };
    }
  }

  /** Runs the finally blocks of a generator whose consumer is gone; nobody is left to hear of an error in them. */
  #closeQuietly(generator: AnyGenerator): void {
    try {
      const closing: unknown = scopeStorage.run(this, () => generator.return(undefined));
      if (isThenable(closing)) closing.then(undefined, () => {});
    } catch {
      // as above
    }
  }
}

const EMPTY = new Uint8Array(0);

/** A function of its own, so that entering the scope allocates nothing. */
function runInside(execution: Execution): void {
  execution.runInside();
}

function advance(generator: AnyGenerator, step: Step): unknown {
  switch (step.kind) {
    case "next":
      return generator.next();
    case "send":
      return generator.next(step.value);
    case "throw":
      return generator.throw(step.value);
    case "return":
      return generator.return(step.value);
    case "malformed":
      return generator.throw(step.error);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  if ((typeof value !== "object" && typeof value !== "function") || value === null) return false;
  try {
    return typeof (value as { then?: unknown }).then === "function";
  } catch {
    return true; // a promise made of it rejects with what its getter throws
  }
}

/** A cancellation's reason, as `AbortController` itself would make it. */
function abortReason(message: string, name = "AbortError"): DOMException {
  return new DOMException(message, name);
}
