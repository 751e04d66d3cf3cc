/**
 * Places tasks on members: at once where there is room, else in one queue, first come, first served.
 * A task whose start is disproved goes to the next candidate; any other end settles its call. Nested
 * tasks are never parked behind a gate that an ancestor may hold.
 */
import type { Balancer } from "../balancer/balancer.ts";
import type { References } from "../codec/references.ts";
import type { CallRequest, Dispatcher } from "../context/dispatcher.ts";
import {
  NoWorkersAvailableError,
  type Refusal as WorkerRefusal,
} from "../errors/no-workers-available-error.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { RoutineNotFoundError } from "../errors/routine-not-found-error.ts";
import { TaskRefusedError } from "../errors/task-refused-error.ts";
import { type LostWorker, WorkerLostError } from "../errors/worker-lost-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { type DeadlineEntry, deadlines } from "../internal/deadline-queue.ts";
import { Fifo } from "../internal/fifo.ts";
import { HoldEstimate } from "../internal/hold-estimate.ts";
import type { Definable } from "../session/client-session.ts";
import type { Nack } from "../wire/frames.ts";
import { isFinalRefusal, Refusal, refusalName } from "../wire/refusal.ts";
import { CancellationWatch } from "./cancellation-watch.ts";
import { FunctionCall } from "./function-call.ts";
import { GeneratorCall, type StreamCarrier } from "./generator-call.ts";
import type { Member } from "./member.ts";
import type { OutgoingTask } from "./outgoing-task.ts";
import { RemoteGenerator } from "./remote-generator.ts";

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
  /** The members, in a stable order; the same array throughout. */
  readonly members: readonly Member[];
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
  /** What is known about a lost worker, within a short time. */
  readonly describeLoss: (member: Member) => Promise<LostWorker>;
  /** A worker does not answer after a task on it was cancelled. */
  readonly unresponsive: (member: Member, culprit: string) => void;
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
  readonly #queue = new Fifo<OutgoingTask>();
  /** Nested tasks that found no worker at all: never behind root tasks, which may wait for room. */
  readonly #nestedQueue = new Fifo<OutgoingTask>();
  /** Tasks that some worker has refused and that wait for one not asked yet: nobody waits behind them. */
  readonly #refusedQueue = new Fifo<OutgoingTask>();
  readonly #estimates = new WeakMap<RoutineDefinition, HoldEstimate>();
  readonly #active = new Set<OutgoingTask>();
  readonly #cancelled: CancellationWatch;
  #suspendedStreams = 0;
  #refuseWith: (() => Error) | undefined;
  #waiting: DeadlineEntry | undefined;
  /** When the first of the refused tasks has waited long enough. */
  #refusedCheck: DeadlineEntry | undefined;
  #drainPending = false;
  #whenSettled: Array<() => void> = [];

  constructor(options: TaskDispatcherOptions) {
    this.#options = options;
    this.references = options.references;
    this.#cancelled = new CancellationWatch({
      killGraceMs: options.killGraceMs,
      firstWaiting: (member) => this.#firstWaiting(member),
      occupied: (member) => this.#occupied(member),
      abandoned: (tasks) => {
        this.counts.abandoned += tasks;
      },
      unresponsive: options.unresponsive,
    });
  }

  /** Calls that wait for a worker. */
  get queued(): number {
    return this.#queue.size + this.#nestedQueue.size + this.#refusedQueue.size;
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
    if (this.#active.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenSettled.push(resolve));
  }

  /** Ends every call under way. */
  abortAll(makeReason: () => unknown): void {
    for (const task of [...this.#active]) task.abort(makeReason());
  }

  submit(task: OutgoingTask): void {
    if (!this.#active.has(task)) this.counts.calls += 1;
    if (this.#refuseWith !== undefined && !task.nested) {
      task.fail(this.#refuseWith());
      this.#forget(task);
      return;
    }
    this.#active.add(task);
    if (!task.nested && this.#queue.size > 0) {
      this.#enqueue(task);
      return;
    }
    if (!this.#place(task)) this.#enqueue(task);
  }

  stillborn(): void {
    this.counts.calls += 1;
    this.counts.cancelled += 1;
  }

  /** Members have changed, or have room again. */
  progress(): void {
    if (this.#nestedQueue.size > 0) this.#drain(this.#nestedQueue);
    if (this.#refusedQueue.size > 0) this.#drainRefused();
    if (this.#queue.size > 0) this.#drain(this.#queue);
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
    this.#dequeue(task);
    this.counts.cancelled += 1;
    this.#forget(task);
    if (this.queued === 0) this.#stopWaiting();
  }

  cancelled(task: OutgoingTask): void {
    this.counts.cancelled += 1;
    this.#forget(task);
    if (task.member !== undefined) this.#cancelled.add(task, task.member);
  }

  released(task: OutgoingTask): void {
    const { member } = task;
    if (!task.reserved || member === undefined) return;
    task.reserved = false;
    member.aheadUs -= task.reservedUs;
    member.aheadCount -= 1;
    if (member.aheadCount === 0) member.aheadUs = 0; // no drift from sums of fractions
  }

  over(task: OutgoingTask): void {
    const { member } = task;
    if (member === undefined) return;
    this.released(task);
    member.inFlight -= 1;
    if (task.permit) {
      task.permit = false;
      member.permits -= 1;
    }
    member.completed += 1;
    task.member = undefined;
    if (task.probe !== undefined) this.#cancelled.ended(task);
  }

  /** A call has been settled for its caller by an answer. */
  answered(task: OutgoingTask, outcome: "completed" | "failed"): void {
    this.counts[outcome] += 1;
    this.#forget(task);
  }

  refused(task: OutgoingTask, nack: Nack): void {
    const uid = task.lastUid;
    if (isFinalRefusal(nack.code)) {
      task.fail(refusalError(task, nack));
      return;
    }
    task.tried ??= new Set();
    task.tried.add(uid);
    const reason = nack.code === Refusal.DRAINING ? "draining" : "refused";
    if (nack.code === Refusal.DRAINING) {
      // Its GoAway says so as well; without this, one that does not send it would be asked again and again.
      const member = this.#options.members.find((candidate) => candidate.uid === uid);
      if (member !== undefined) member.draining = true;
    }
    const refusal: WorkerRefusal = { uid, reason, detail: `${refusalName(nack.code)}: ${nack.reason}` };
    // One entry per worker: a task may be offered to a full one again and again.
    task.refusals = [...(task.refusals ?? []).filter((earlier) => earlier.uid !== uid), refusal];
    if (nack.code !== Refusal.UNKNOWN_ROUTINE) task.onlyUnknown = false;
    task.unknownReason = nack.code === Refusal.UNKNOWN_ROUTINE ? nack.reason : task.unknownReason;
    this.#redirect(task, nack);
  }

  lost(task: OutgoingTask, error: Error | undefined, started: boolean): void {
    if (!started) {
      this.counts.redirected += 1;
      task.unsent();
      if (!task.reportRefused(error ?? new WorkerLostError("its connection ended", { uid: task.lastUid }))) {
        this.#enqueueFirst(task);
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
    if (!task.permit || task.member === undefined) return;
    task.permit = false;
    task.member.permits -= 1;
    this.progress();
  }

  resumed(task: OutgoingTask): void {
    this.#suspendedStreams -= 1;
    if (task.permit || task.nested || task.member === undefined) return;
    task.permit = true;
    task.member.permits += 1;
  }

  /** Sends the task if some member can take it now. False: it must wait. */
  #place(task: OutgoingTask): boolean {
    const { members, balancer } = this.#options;
    if (!this.#options.quorumMet()) return false;
    const expectedUs = task.estimate.us;
    let view: readonly Member[] = members;
    let ready = 0;
    for (const member of members) {
      if (member.state.kind === "ready") ready += 1;
      member.room = member.state.kind === "ready" && (task.nested || member.hasRoom(expectedUs));
    }
    if (ready === 0) return false;
    if (ready < members.length || task.tried !== undefined) {
      view = members.filter((member) => member.ready && task.tried?.has(member.uid) !== true);
    }
    if (view.length === 0) return false;
    if (balancer.pick === undefined) {
      this.#delegate(task, view);
      return true;
    }
    const index = balancer.pick(task, view);
    const member = view[index];
    if (member === undefined) return false;
    this.#send(task, member);
    return true;
  }

  #send(task: OutgoingTask, member: Member): void {
    const { session } = member;
    if (session === undefined) {
      this.#enqueue(task);
      return;
    }
    const { definition } = task;
    task.routineRef = session.routineRef(definition, () => ({
      value: Buffer.from(definition.id),
      location: definition.module ?? "",
    }));
    task.callable = task.routineRef === 0 ? definition.id : undefined;
    const descriptor = this.#options.descriptor();
    task.proxyRef = descriptor === undefined ? 0 : session.proxyRef(descriptor, () => descriptor);
    task.prepare();
    let stream: number;
    try {
      stream = session.openStream(task, task, task.payload);
    } catch (error) {
      task.fail(error); // larger than the worker accepts: nothing was written
      return;
    }
    task.lastUid = member.uid;
    task.reserved = true;
    task.reservedUs = task.estimate.us ?? 1000;
    member.aheadUs += task.reservedUs;
    member.aheadCount += 1;
    member.inFlight += 1;
    if (!task.nested) {
      task.permit = true;
      member.permits += 1;
    }
    task.sent(member, stream);
  }

  /** Asks a balancer that has no fast path, one candidate after the other. */
  #delegate(task: OutgoingTask, view: readonly Member[]): void {
    this.#driveDelegate(task, view).catch((error: unknown) => {
      if (task.phase === "queued") {
        task.fail(error);
        return;
      }
      // Some worker has the task: the call goes on, whatever the balancer makes of that.
      process.emitWarning(`A balancer failed after a worker had accepted: ${String(error)}`, {
        code: "MERINO_BALANCER_FAILED",
      });
    });
  }

  async #driveDelegate(task: OutgoingTask, view: readonly Member[]): Promise<void> {
    const generator = this.#options.balancer.delegate(task, view);
    let lost = false;
    try {
      let step = await generator.next();
      while (!task.settled) {
        if (step.done === true) {
          const busy = task.tried === undefined && view.some((member) => !member.room);
          if (busy || lost) this.#enqueue(task);
          else this.#giveUp(task);
          return;
        }
        const uid = step.value;
        const member = this.#options.members.find((candidate) => candidate.uid === uid && candidate.ready);
        if (member === undefined) {
          step = await generator.next();
          continue;
        }
        const outcome = new Promise<{ accepted: boolean; error: Error | undefined }>((resolve) => {
          task.onOutcome = (accepted, error) => resolve({ accepted, error });
        });
        this.#send(task, member);
        const { accepted, error } = await outcome;
        if (accepted) {
          await generator.next(uid);
          return;
        }
        if (error === undefined) return; // settled meanwhile
        if (error instanceof WorkerLostError) lost = true;
        step = await generator.throw(error);
      }
    } finally {
      await generator.return();
    }
  }

  #redirect(task: OutgoingTask, nack: Nack): void {
    this.counts.redirected += 1;
    task.unsent();
    if (task.reportRefused(refusalError(task, nack))) return;
    if (this.#place(task)) return;
    if (nack.code === Refusal.FULL && !task.nested && !this.#untried(task, true)) {
      // Everybody is busy with others' calls: again in a moment.
      deadlines.add(deadlines.now() + Math.max(1, nack.retryAfterMs), () => {
        if (task.settled) return;
        task.tried = undefined;
        if (!this.#place(task)) this.#enqueueFirst(task);
      });
      return;
    }
    if (this.#untried(task, false)) {
      this.#enqueueRefused(task); // a member without room, or one that is still connecting
      return;
    }
    if (nack.code === Refusal.DRAINING) {
      task.tried = undefined; // a replacement may be on its way; the wait for it is bounded
      this.#enqueueFirst(task);
      return;
    }
    this.#giveUp(task);
  }

  /** Whether a member is left, ready or not, that has not refused the task and may still take it. */
  #untried(task: OutgoingTask, ready: boolean): boolean {
    return this.#options.members.some(
      (member) =>
        task.tried?.has(member.uid) !== true &&
        member.state.kind !== "gone" &&
        (task.nested || !member.draining) &&
        (!ready || member.ready),
    );
  }

  #giveUp(task: OutgoingTask): void {
    if (task.onlyUnknown && task.unknownReason !== undefined) {
      const { id, declaredIn } = task.definition;
      const hint =
        declaredIn === undefined
          ? ""
          : ` (it is declared inside the function '${declaredIn}', which a worker does not call; move it to the top level of its module)`;
      task.fail(new RoutineNotFoundError(id, `${task.unknownReason}${hint}`));
      return;
    }
    task.fail(new NoWorkersAvailableError(task.refusals ?? this.#options.reasons()));
  }

  #enqueue(task: OutgoingTask): void {
    task.queue = task.nested ? this.#nestedQueue : this.#queue;
    task.node = task.queue.push(task);
    this.#expectWorkers();
  }

  #enqueueFirst(task: OutgoingTask): void {
    task.queue = task.nested ? this.#nestedQueue : this.#queue;
    task.node = task.queue.unshift(task);
    this.#expectWorkers();
    this.#drainSoon();
  }

  #enqueueRefused(task: OutgoingTask): void {
    const { waitTimeoutMs } = this.#options;
    task.refusedMs = deadlines.now();
    task.queue = this.#refusedQueue;
    task.node = task.queue.push(task);
    this.#refusedCheck ??= deadlines.add(task.refusedMs + waitTimeoutMs, () => this.#checkRefused());
  }

  #dequeue(task: OutgoingTask): void {
    if (task.node !== undefined) task.queue?.remove(task.node);
    task.node = undefined;
    task.queue = undefined;
    if (this.#refusedCheck === undefined || this.#refusedQueue.size > 0) return;
    deadlines.cancel(this.#refusedCheck);
    this.#refusedCheck = undefined;
  }

  #drainSoon(): void {
    if (this.#drainPending) return;
    this.#drainPending = true;
    queueMicrotask(() => {
      this.#drainPending = false;
      this.progress();
    });
  }

  #drain(queue: Fifo<OutgoingTask>): void {
    for (let task = queue.peek(); task !== undefined; task = queue.peek()) {
      const { node } = task;
      if (!task.settled && !this.#place(task)) break;
      if (node !== undefined) queue.remove(node);
      if (task.node === node) this.#dequeue(task);
    }
    if (this.queued === 0 || this.#anyTaker()) this.#stopWaiting();
    else this.#expectWorkers();
  }

  /** Each for itself: what one waits for says nothing about the next. */
  #drainRefused(): void {
    for (const task of this.#refusedQueue) {
      if (task.settled || this.#place(task)) this.#dequeue(task);
      else if (!this.#untried(task, false)) {
        this.#dequeue(task);
        this.#giveUp(task);
      }
    }
  }

  /** Ends the wait of refused tasks for members that are not there. One that is, and busy, is waited for. */
  #checkRefused(): void {
    const now = deadlines.now();
    const { waitTimeoutMs } = this.#options;
    let nextMs = now + waitTimeoutMs;
    this.#refusedCheck = undefined;
    for (const task of this.#refusedQueue) {
      const dueMs = task.refusedMs + waitTimeoutMs;
      if (dueMs > now) {
        nextMs = Math.min(nextMs, dueMs);
        break;
      }
      if (this.#untried(task, true)) continue;
      this.#dequeue(task);
      this.#giveUp(task);
    }
    if (this.#refusedQueue.size > 0) this.#refusedCheck = deadlines.add(nextMs, () => this.#checkRefused());
  }

  /** Whether a member is there that takes root calls, now or when it has room. */
  #anyTaker(): boolean {
    return (
      this.#options.quorumMet() && this.#options.members.some((member) => member.ready && !member.draining)
    );
  }

  /** While nobody is there to take calls, they wait, but not for ever. */
  #expectWorkers(): void {
    if (this.#waiting !== undefined || this.#anyTaker()) return;
    this.#waiting = deadlines.add(deadlines.now() + this.#options.waitTimeoutMs, () => {
      this.#waiting = undefined;
      if (this.#anyTaker()) return;
      const cause = this.#options.lastStartError();
      for (const task of [...this.#nestedQueue.drain(), ...this.#queue.drain()]) {
        task.node = undefined;
        task.queue = undefined;
        task.fail(
          new NoWorkersAvailableError(this.#options.reasons(), { ...(cause === undefined ? {} : { cause }) }),
        );
      }
    });
  }

  #stopWaiting(): void {
    if (this.#waiting !== undefined) deadlines.cancel(this.#waiting);
    this.#waiting = undefined;
  }

  #forget(task: OutgoingTask): void {
    if (!this.#active.delete(task) || this.#active.size > 0 || this.#whenSettled.length === 0) return;
    const waiting = this.#whenSettled;
    this.#whenSettled = [];
    for (const resolve of waiting) resolve();
  }

  #occupied(member: Member): boolean {
    for (const task of this.#active) {
      if (task.member === member && task.phase === "running" && task.reserved) return true;
    }
    return false;
  }

  #firstWaiting(member: Member): number {
    let first = Number.POSITIVE_INFINITY;
    for (const task of this.#active) {
      if (task.member === member && task.phase === "sent" && task.stream < first) first = task.stream;
    }
    return first;
  }
}

function refusalError(task: OutgoingTask, nack: Nack): Error {
  const routine = task.definition.id;
  switch (nack.code) {
    case Refusal.BAD_PAYLOAD:
      return new PayloadError(`Cannot run '${routine}': ${nack.reason}`);
    case Refusal.UNKNOWN_ROUTINE:
      return new RoutineNotFoundError(routine, nack.reason);
    default:
      return new TaskRefusedError(
        refusalName(nack.code),
        `Cannot run '${routine}': the worker refused it (${refusalName(nack.code)}): ${nack.reason}`,
      );
  }
}
