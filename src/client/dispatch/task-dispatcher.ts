/**
 * Carries calls to members and decides what the end of each stream means: a task whose start is disproved
 * goes to the next candidate; any other end settles its call. Which member takes a task, and which task waits
 * for one, is up to its placement and its queues.
 */
import type { Balancer } from "../../balancer/balancer.ts";
import type { References } from "../../codec/references.ts";
import type { CallRequest, Dispatcher } from "../../context/dispatcher.ts";
import {
  NoWorkersAvailableError,
  type Refusal as WorkerRefusal,
} from "../../errors/no-workers-available-error.ts";
import { type LostWorker, WorkerLostError } from "../../errors/worker-lost-error.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import { HoldEstimate } from "../../internal/hold-estimate.ts";
import type { Definable } from "../../session/outbound-definitions.ts";
import type { Nack } from "../../wire/frames.ts";
import { Refusal } from "../../wire/messages/nack-code.ts";
import { FunctionCall } from "../call/function-call.ts";
import { GeneratorCall, type StreamCarrier } from "../call/generator-call.ts";
import type { OutgoingTask } from "../call/outgoing-task.ts";
import { RemoteGenerator } from "../call/remote-generator.ts";
import { refusalError, TaskRefusals } from "../call/task-refusals.ts";
import { CancellationWatch } from "../members/cancellation-watch.ts";
import { classifyRefusal, FAILURE_POLICY } from "../members/failure-policy.ts";
import type { Eviction, Member } from "../members/member.ts";
import { ActiveTasks } from "./active-tasks.ts";
import { releaseShare, resumePermit, vacate, yieldPermit } from "./occupancy.ts";
import { type Members, Placement } from "./placement.ts";
import { PutOffTasks } from "./retry-queue.ts";
import { type TaskEventSink, TaskReporter } from "./task-reporter.ts";
import { WaitingTasks } from "./waiting-tasks.ts";

/** Counters of a dispatcher since it was made. */
export interface DispatchCounts {
  /** Calls made. */
  calls: number;
  /** Calls settled with a value (streams: that ended by themselves). */
  completed: number;
  /** Calls settled with an error of the routine or of the dispatch. */
  failed: number;
  /** Calls ended by their signal or a timeout. */
  cancelled: number;
  /** Cancelled calls whose body went on although its worker answers. */
  abandoned: number;
  /** Tasks that went on to another worker because the first had provably not started them. */
  redirected: number;
}

/** What the dispatcher needs to know from the proxy around it. */
export interface TaskDispatcherOptions {
  readonly references: References;
  readonly balancer: Balancer;
  readonly members: Members;
  /** Whether enough members have been admitted for the first call to go out. */
  readonly quorumMet: () => boolean;
  /** How long calls wait for a member when there is none, in milliseconds. */
  readonly waitTimeoutMs: number;
  /** How long a cancelled call's worker may leave a ping unanswered, in milliseconds. */
  readonly killGraceMs: number;
  /** The descriptor that travels with each task, for calls nested in it; absent: none does. */
  readonly descriptor: () => Definable | undefined;
  /** Every worker seen and what became of it. */
  readonly reasons: () => readonly WorkerRefusal[];
  /** The last reason why a worker of the pool's own could not be started. */
  readonly lastStartError: () => Error | undefined;
  /** Whether a member may still come: from a discovery, or as a replacement. */
  readonly memberDue: () => boolean;
  /** What is known about a lost worker, within a short time. */
  readonly describeLoss: (member: Member) => Promise<LostWorker>;
  /** A worker does not answer after a task on it was cancelled. */
  readonly unresponsive: (member: Member, culprit: string) => void;
  /** A worker has said of itself that it breaks a rule of the gate. */
  readonly inadmissible: (member: Member, reason: Eviction, detail: string) => void;
  /** Told of each call. Absent: nobody is. */
  readonly events?: TaskEventSink | undefined;
}

/** Carries calls to members. */
export class TaskDispatcher implements Dispatcher, StreamCarrier {
  readonly references: References;
  readonly counts: DispatchCounts = {
    calls: 0,
    completed: 0,
    failed: 0,
    cancelled: 0,
    abandoned: 0,
    redirected: 0,
  };
  readonly #options: TaskDispatcherOptions;
  readonly #placement: Placement;
  readonly #waiting: WaitingTasks;
  readonly #putOff: PutOffTasks;
  readonly #active = new ActiveTasks();
  readonly #cancelled: CancellationWatch;
  /** Absent when nobody can listen. */
  readonly #reporter: TaskReporter | undefined;
  readonly #estimates = new WeakMap<RoutineDefinition, HoldEstimate>();
  #suspendedStreams = 0;
  #refuseWith: (() => Error) | undefined;

  constructor(options: TaskDispatcherOptions) {
    this.#options = options;
    this.references = options.references;
    this.#reporter = options.events === undefined ? undefined : new TaskReporter(options.events);
    this.#placement = new Placement({
      balancer: options.balancer,
      members: options.members,
      quorumMet: options.quorumMet,
      descriptor: options.descriptor,
      wait: (task) => this.#waiting.add(task),
      waitFor: (task, member) => this.#waiting.addBound(task, member),
      sent: (task, member) => this.#reporter?.sent(task, member),
      giveUp: (task) => this.#giveUp(task),
    });
    this.#waiting = new WaitingTasks({
      timeoutMs: options.waitTimeoutMs,
      anyTaker: () => this.#placement.anyTaker,
      memberDue: options.memberDue,
      untried: (task, among) => this.#placement.untried(task, among),
      member: (uid) => options.members.get(uid),
      place: (task) => this.#placement.place(task),
      giveUp: (task) => this.#giveUp(task),
      expire: (tasks) => {
        const cause = options.lastStartError();
        const reasons = options.reasons();
        for (const task of tasks) {
          task.fail(new NoWorkersAvailableError(reasons, { ...(cause === undefined ? {} : { cause }) }));
        }
      },
    });
    this.#putOff = new PutOffTasks({
      inFlight: () => options.members.members.reduce((sum, member) => sum + member.inFlight, 0),
      offer: (task) => {
        task.refusals?.forgive();
        if (!this.#placement.place(task)) this.#waiting.addFirst(task);
      },
    });
    this.#cancelled = new CancellationWatch({
      killGraceMs: options.killGraceMs,
      firstWaiting: (member) => this.#active.firstWaiting(member),
      occupied: (member) => this.#active.occupies(member),
      abandoned: (tasks) => {
        this.counts.abandoned += tasks;
      },
      unresponsive: options.unresponsive,
    });
  }

  /** Calls that wait for a worker. */
  get queued(): number {
    return this.#waiting.size + this.#putOff.size;
  }

  /** Generators that are suspended and that nobody waits for. */
  get suspendedStreams(): number {
    return this.#suspendedStreams;
  }

  /** Calls not settled, suspended generators included. */
  get unsettled(): number {
    return this.#active.size;
  }

  call(request: CallRequest): Promise<unknown> {
    if (this.#refuseWith !== undefined) return Promise.reject(this.#refuseWith());
    const call = new FunctionCall(this, request); // throws when an argument cannot travel: the routine rejects with it
    if (call.start()) this.submit(call);
    return call.promise;
  }

  stream(request: CallRequest): AsyncGenerator<unknown, unknown, unknown> {
    if (this.#refuseWith !== undefined) throw this.#refuseWith();
    return new RemoteGenerator(new GeneratorCall(this, request));
  }

  /** Refuses new calls from now on, with the error given. */
  refuse(makeError: () => Error): void {
    this.#refuseWith ??= makeError;
  }

  /** Resolves when no call is under way. Suspended generators count: somebody still holds them. */
  settled(): Promise<void> {
    return this.#active.none();
  }

  /** Ends every call under way. */
  abortAll(makeReason: () => unknown): void {
    this.#active.abortAll(makeReason);
  }

  submit(task: OutgoingTask): void {
    if (!this.#active.has(task)) this.counts.calls += 1;
    if (this.#refuseWith !== undefined && !task.nested) {
      task.fail(this.#refuseWith());
      this.#active.delete(task);
      return;
    }
    this.#active.add(task);
    if (this.#waiting.precede(task) || !this.#placement.place(task)) this.#waiting.add(task);
  }

  stillborn(): void {
    this.counts.calls += 1;
    this.counts.cancelled += 1;
  }

  /**
   * Members have changed, or have room again.
   *
   * @param member The only one of which this may be true; absent: any.
   */
  progress(member?: Member): void {
    this.#waiting.drain(member);
  }

  estimate(definition: RoutineDefinition): HoldEstimate {
    let estimate = this.#estimates.get(definition);
    if (estimate === undefined) {
      estimate = new HoldEstimate();
      this.#estimates.set(definition, estimate);
    }
    return estimate;
  }

  withdraw(task: OutgoingTask): void {
    this.#waiting.withdraw(task);
    this.counts.cancelled += 1;
    this.#active.delete(task);
    this.#reporter?.settled(task, "cancelled");
  }

  cancelled(task: OutgoingTask): void {
    this.counts.cancelled += 1;
    this.#active.delete(task);
    this.#reporter?.settled(task, "cancelled");
    if (task.member !== undefined) this.#cancelled.add(task, task.member);
  }

  released(task: OutgoingTask): void {
    releaseShare(task);
  }

  over(task: OutgoingTask): void {
    const { member } = task;
    if (member === undefined) return;
    vacate(task, member);
    if (task.probe !== undefined) this.#cancelled.ended(task);
  }

  /** A call has been settled for its caller by an answer. */
  answered(task: OutgoingTask, outcome: "completed" | "failed"): void {
    this.counts[outcome] += 1;
    this.#active.delete(task);
    this.#reporter?.settled(task, outcome);
  }

  accepted(task: OutgoingTask, version: string | undefined): void {
    this.#reporter?.accepted(task, version);
  }

  refused(task: OutgoingTask, nack: Nack): void {
    const failure = classifyRefusal(nack.code);
    const measure = FAILURE_POLICY[failure];
    if (measure.call === "surface") {
      task.fail(refusalError(task.routine, nack));
      return;
    }
    const uid = task.lastUid;
    const member = this.#options.members.get(uid);
    // Its GoAway says so as well; without this, one that does not send it would be asked again and again.
    if (failure === "refused-draining" && member !== undefined) member.draining = true;
    if (measure.member === "version" || measure.member === "codec") {
      if (member !== undefined) this.#options.inadmissible(member, measure.member, nack.reason);
    }
    task.refusals ??= new TaskRefusals();
    task.refusals.add(uid, nack);
    this.#redirect(task, nack);
  }

  lost(task: OutgoingTask, error: Error | undefined, started: boolean): void {
    if (!started) {
      this.counts.redirected += 1;
      task.unsent();
      if (!task.reportRefused(error ?? new WorkerLostError("its connection ended", { uid: task.lastUid }))) {
        this.#waiting.addFirst(task);
      }
      return;
    }
    const { member } = task;
    task.member = undefined;
    if (member === undefined) {
      task.fail(error ?? new WorkerLostError("its connection ended", { uid: "unknown" }));
      return;
    }
    this.#options.describeLoss(member).then(
      (worker) => {
        const why =
          worker.culprit !== undefined
            ? `it was replaced, because '${worker.culprit}' went on after it was cancelled and blocked the worker`
            : (error?.message ?? "its connection ended");
        task.fail(
          new WorkerLostError(`${why}; the call to '${task.definition.id}' may have run`, worker, {
            ...(error === undefined ? {} : { cause: error }),
          }),
        );
      },
      (failure: unknown) => task.fail(failure),
    );
  }

  suspended(task: OutgoingTask): void {
    this.#suspendedStreams += 1;
    const { member } = task;
    if (yieldPermit(task)) this.progress(member);
  }

  resumed(task: OutgoingTask): void {
    this.#suspendedStreams -= 1;
    resumePermit(task);
  }

  /** Finds another member for a task that one has refused. */
  #redirect(task: OutgoingTask, nack: Nack): void {
    this.counts.redirected += 1;
    task.unsent();
    if (task.reportRefused(refusalError(task.routine, nack))) return;
    if (this.#placement.place(task)) return;
    if (nack.code === Refusal.FULL && !task.nested && !this.#placement.untried(task, "ready")) {
      this.#putOff.add(task, nack.retryAfterMs); // everybody is busy with others' calls: again in a moment
      return;
    }
    if (this.#placement.untried(task, "all")) {
      this.#waiting.addRefused(task); // a member without room, or one that is still connecting
      return;
    }
    // A nested call would be sent to the same worker again, draining or not, and so without end.
    if (nack.code === Refusal.DRAINING && !task.nested) {
      task.refusals?.forgive(); // a replacement may be on its way; the wait for it is bounded
      this.#waiting.addFirst(task);
      return;
    }
    this.#giveUp(task);
  }

  #giveUp(task: OutgoingTask): void {
    task.fail(
      task.refusals?.toError(task.definition) ?? new NoWorkersAvailableError(this.#options.reasons()),
    );
  }
}
