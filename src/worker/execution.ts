/**
 * One task on the worker, from its head to its one terminal frame: keeps its payload until its turn comes, runs the
 * body, and answers. What follows the body's first suspension is up to its two kinds, `FunctionExecution` and
 * `GeneratorExecution`; the body itself sees only the `IncomingTask`.
 */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { abortReason } from "../internal/abort-reason.ts";
import type { BodyTimeEstimate } from "../internal/body-time-estimate.ts";
import { leaveQueue } from "../internal/queue/priority-queue.ts";
import { receiverToRun } from "../routine/receiver.ts";
import type { Deferrable } from "../session/deferred-work.ts";
import type { ReceivedMessage } from "../session/messages/received-message.ts";
import type { ServerStream } from "../session/server-stream.ts";
import type { Nack } from "../wire/frames.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { NO_PAYLOAD, type Payload } from "../wire/payload.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import type { ActiveExecution } from "./active-executions.ts";
import { BodyClock } from "./body-clock.ts";
import { startBody } from "./body-stack.ts";
import type { ExecutionHost } from "./execution-host.ts";
import { enterBody, recordExecution } from "./execution-record.ts";
import type { Answer, IncomingTask } from "./incoming-task.ts";
import { QueuedExecution, type Runnable } from "./queue/run-queue.ts";
import { SHUTTING_DOWN } from "./shutting-down.ts";
import { answerFailure, answerRefusal, explainUnmade, explainUnresolved } from "./task-failures.ts";
import { answerOnceRead, answerUnsent } from "./unsent-answer.ts";

/** `receiving` until the payload is here; `ready` until the body starts; `over` once terminal. */
export type ExecutionPhase = "receiving" | "ready" | "running" | "over";

/** A task that this worker has accepted. */
export abstract class Execution
  extends QueuedExecution
  implements ServerStream, Runnable, Deferrable, ActiveExecution
{
  protected readonly host: ExecutionHost;
  sinceMs = 0; // written by a meter only
  protected definition: RoutineDefinition | undefined;
  #estimate: BodyTimeEstimate | undefined;
  #phase: ExecutionPhase = "receiving";
  /** The arguments, until the body starts. */
  #payload: Payload = NO_PAYLOAD;
  /** Its turn has come, and its client takes no more answers for now. */
  #deferred = false;
  #begun = false;
  #stopped = false; // the end of the worker cuts it short
  #acked = false;
  /** How long the last step occupied the thread, and whether the caller has been told. */
  #bodyUs = 0;
  #reported = false;
  /** Absent where nothing limits the body. */
  #clock: BodyClock | undefined;

  constructor(host: ExecutionHost, task: IncomingTask) {
    super(task);
    this.host = host;
  }

  get phase(): ExecutionPhase {
    return this.#phase;
  }

  get expectedUs(): number | undefined {
    return this.#estimate?.us;
  }

  get unreadBytes(): number {
    return this.#payload.end - this.#payload.start;
  }

  /** Its arguments, encoded, until its body starts. */
  protected get arguments(): Payload {
    return this.#payload;
  }

  /** Queued for the first time, or acknowledged; steps that come before wait for it. */
  protected get begun(): boolean {
    return this.#begun;
  }

  protected get queued(): boolean {
    return this.queuePlace !== undefined || this.#deferred;
  }

  // Frames of the stream.

  payload(message: ReceivedMessage): void {
    if (this.#phase === "receiving") this.#receive(this.session.kept(message.keep()));
  }

  abstract next(variables?: Uint8Array): void;
  abstract send(message: ReceivedMessage): void;
  abstract throw(message: ReceivedMessage): void;
  abstract return(message: ReceivedMessage): void;
  abstract credit(values: number, variables?: Uint8Array): void;

  flow(message: ReceivedMessage): void {
    this.task.live.takeFlow(message);
  }

  signalFired(index: number, reason: ReceivedMessage): void {
    if (!this.task.live.signalFired(index, reason)) this.session.broken(this.stream, "too many signals");
  }

  cancel(reason: ReceivedMessage): void {
    this.abort(reason.empty ? abortReason("The call was cancelled") : this.task.decodeReason(reason));
  }

  lost(why: string): void {
    if (this.#phase === "over") return;
    const running = this.#phase === "running";
    this.#close();
    if (running) this.host.active.orphaned(this);
    else this.host.active.ended(this);
    if (!running) return; // nobody has its signal
    const reason = abortReason(`The caller is gone: ${why}`);
    this.task.fire(reason);
    this.abandoned();
    this.task.record?.ended("cancelled", reason);
  }

  // Decisions of the worker.

  /** The routine has been found. */
  bind(definition: RoutineDefinition): void {
    if (this.#phase === "over") return;
    this.definition = definition;
    this.task.routine = definition.id;
    this.task.module = definition.module;
    this.#estimate = this.host.bodyTimes.of(definition);
    if (this.#phase === "ready") this.#begin();
  }

  /** Leaves the task to another execution of it. Neither has begun, and the other's routine is not bound yet. */
  handOver(successor: Execution): void {
    if (this.#phase === "ready") successor.#receive(this.#payload);
    this.#phase = "over";
    this.#payload = NO_PAYLOAD;
  }

  /**
   * Refuses the task before its body has started.
   *
   * @param more What else there is to say: the error behind it, encoded, or what its routine is short of.
   */
  refuse(code: number, reason: string, more: Partial<Nack> = {}): void {
    if (this.#phase === "over") return;
    this.#settle();
    answerRefusal(this.task, { ...more, code, reason }, { isAcked: this.#acked });
  }

  decline(code: number, reason: string): void {
    // The import of its module may be what ends the process, here and in every worker after it: lost, not sent on for ever.
    if (this.#phase !== "running" && this.definition !== undefined) this.refuse(code, reason);
  }

  /** Refuses the task because its routine could not be found. */
  refuseUnresolved(error: unknown): void {
    const why = explainUnresolved(this.task, error);
    this.refuse(why.code, why.reason, why);
  }

  /** Ends the task with a reason: a queued one never starts, a running one sees its signal fire. */
  abort(reason: unknown): void {
    if (this.#phase === "over" || this.task.cancelled) return;
    if (this.#phase !== "running") {
      this.refuse(NackCode.EXPIRED, "the call was cancelled before it started");
      return;
    }
    this.task.cancel(reason);
    this.#stopWaiting();
    this.cancelRequested();
  }

  /**
   * Ends the task because its worker ends: a queued one never starts, and may go to another worker; a running one sees
   * its signal fire. Whatever its body throws from then on, its caller learns that the worker was stopped.
   */
  stop(reason: unknown): void {
    if (this.#phase === "running") {
      this.#stopped = !this.task.cancelled;
      this.abort(reason);
    } else this.refuse(NackCode.DRAINING, SHUTTING_DOWN);
  }

  /** Answers a task whose body has not ended in time: the worker ends now. */
  forsake(): void {
    if (this.#phase !== "running") return this.refuse(NackCode.DRAINING, SHUTTING_DOWN);
    this.#stopped = true;
    this.fail(this.task.cancellation?.reason);
  }

  announce(): void {
    if (this.#phase === "ready" && !this.#acked) this.#acknowledge();
  }

  run(): void {
    if (this.#phase === "over") return;
    // The end of a cancelled task is one small frame, and is not deferred.
    if (this.session.defersWork && !this.task.cancelled) {
      this.#deferred = true;
      this.session.deferred.add(this);
      return;
    }
    const fault = this.task.prepare();
    if (fault === undefined) this.task.run(runInside, this);
    else this.refuse(NackCode.BAD_PAYLOAD, fault);
  }

  resume(): void {
    this.#deferred = false;
    this.enqueue();
  }

  /** Writes `parked` if the body is still under way, or waits for another one, and nothing has told the caller so yet. */
  reportSuspended(): void {
    if (this.#phase === "over" || this.#reported) return;
    this.#reported = true;
    this.session.parked(this.stream, this.#bodyUs);
  }

  // Parts that depend on the kind of routine.
  /** As `run`, with the task as the scope: starts the body, or takes the next step of its generator. */
  abstract runInside(): void;
  /** Steps may be taken from now on. */
  protected abstract opened(stepImplied: boolean): void;
  /** The body has been called and has returned: a function's outcome, or a generator. */
  protected abstract returned(outcome: unknown): void;
  /** The running task has been cancelled, and its signal has fired. */
  protected abstract cancelRequested(): void;
  /** The running task's caller is gone; nothing can be answered. */
  protected abstract abandoned(): void;
  /** The task is over: it lets go of what it keeps for later steps. */
  protected abstract released(): void;

  protected enqueue(): void {
    if (this.#phase === "over" || this.queued) return;
    this.host.queue.push(this);
    this.host.queue.kick();
  }

  /** Calls the body, unless its time is up or its arguments cannot be read. */
  protected start(): void {
    const definition = this.definition as RoutineDefinition; // bound before it was queued
    const { deadline } = this.task;
    if (deadline !== undefined && performance.now() >= deadline) {
      this.refuse(NackCode.EXPIRED, "the budget ran out before the task started");
      return;
    }
    let receiver: unknown;
    let parameters: unknown[];
    try {
      parameters = this.task.decodeArguments(this.#payload);
      if ((this.task.flags & TaskFlag.Receiver) !== 0) receiver = parameters.shift();
      if (receiver !== undefined || definition.owner !== undefined)
        receiver = receiverToRun(definition, receiver);
    } catch (error) {
      const { code, reason } = explainUnmade(error);
      this.refuse(code, reason);
      return;
    }
    this.#phase = "running";
    const { task, host } = this;
    if (task.isFollowed) {
      recordExecution(task, { definition, payload: this.#payload, beginMs: host.queue.markedMs });
    }
    this.#releasePayload();
    if (deadline !== undefined || task.runTimeoutUs > 0) {
      this.#clock = new BodyClock(task, (reason) => this.abort(reason));
    }
    if (task.isFollowed) enterBody(task, () => this.#callBody(definition, receiver, parameters));
    else this.#callBody(definition, receiver, parameters);
  }

  #callBody({ body }: RoutineDefinition, receiver: unknown, parameters: readonly unknown[]): void {
    let outcome: unknown;
    try {
      outcome = startBody(body, receiver, parameters);
    } catch (error) {
      this.noteBodyTime();
      this.fail(error);
      return;
    }
    this.returned(outcome);
  }

  /** The step has left the thread: notes how long it took. */
  protected noteBodyTime(): void {
    this.#bodyUs = this.host.queue.mark();
    this.#reported = false;
    this.#estimate?.add(this.#bodyUs);
  }

  /** How long the last step occupied the thread, for the first frame that tells; 0 for those after it. */
  protected takeBodyUs(): number {
    if (this.#reported) return 0;
    this.#reported = true;
    return this.#bodyUs;
  }

  protected finish(value: unknown): void {
    if (this.#phase === "over") return this.host.active.bodyEnded(this);
    let answer: Answer;
    try {
      answer = this.task.encodeAnswer(value);
    } catch (error) {
      this.fail(error);
      return;
    }
    answerOnceRead(this, this.host, answer, { send: () => this.done(answer), fail: (e) => this.fail(e) });
  }

  /** Ends the stream, and says nothing else. */
  protected finishWithoutValue(): void {
    if (this.#phase === "over") this.host.active.bodyEnded(this);
    else this.done({ payload: NO_PAYLOAD, variables: undefined });
  }

  protected done({ payload, variables }: Answer): void {
    const { record } = this.task;
    record?.responded(payload);
    const bodyUs = this.takeBodyUs();
    this.#settle();
    try {
      this.session.done(this.stream, payload, bodyUs, variables);
    } catch (error) {
      return answerUnsent(this.task, error, bodyUs);
    }
    record?.ended("completed");
  }

  protected fail(error: unknown): void {
    if (this.#phase === "over") return this.host.active.bodyEnded(this);
    const { task } = this;
    const { payload, variables } = answerFailure(task, error, (thrown) => this.explain(thrown));
    const { record, cancelled } = task;
    record?.responded(payload);
    const bodyUs = this.takeBodyUs();
    this.#settle();
    this.session.exception(this.stream, payload, bodyUs, variables);
    record?.ended(cancelled ? "cancelled" : "failed", error);
  }

  protected explain(thrown: unknown): unknown {
    const { task, host } = this;
    if (this.#stopped) return host.stoppedError(task.routine, task.isAbort(thrown) ? undefined : thrown);
    return this.#clock?.ranOut ?? host.explainError(this.definition as RoutineDefinition, thrown); // the task has run
  }

  #receive(payload: Payload): void {
    this.#payload = payload;
    this.#phase = "ready";
    if (this.definition !== undefined) this.#begin();
  }

  /** The payload is here and the routine known; with `NextImplied` the first step follows by itself. */
  #begin(): void {
    this.#begun = true;
    const stepImplied = (this.task.flags & TaskFlag.NextImplied) !== 0;
    if (!stepImplied) this.#acknowledge();
    this.opened(stepImplied);
  }

  #settle(): void {
    this.#close();
    this.host.active.ended(this);
  }

  /** Lets go of all that it holds but its place among the bodies. */
  #close(): void {
    this.#phase = "over";
    leaveQueue(this);
    this.#stopWaiting();
    this.#releasePayload();
    this.task.over();
    this.released();
    this.#clock?.stop();
  }

  #releasePayload(): void {
    // Where no room has been taken for the arguments, no value was made of the parts.
    this.session.released(this.#payload, { partsToo: this.task.argumentBytes === 0 });
    this.#payload = NO_PAYLOAD;
  }

  #stopWaiting(): void {
    if (!this.#deferred) return;
    this.#deferred = false;
    this.session.deferred.delete(this);
  }

  #acknowledge(): void {
    this.#acked = true;
    this.session.ack(this.stream);
  }
}

// So that entering the scope allocates nothing.
const runInside = (execution: Execution): void => execution.runInside();
