/**
 * Serves tasks: accepts or refuses them, finds their routines, and drains. One per worker,
 * over any number of connections; it does not know their carriers.
 */
import type { References } from "../codec/references.ts";
import type { Dispatcher } from "../context/dispatcher.ts";
import { ProtocolError } from "../errors/protocol-error.ts";
import { WorkerLostError } from "../errors/worker-lost-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { abortReason } from "../internal/abort-reason.ts";
import type { Amounts } from "../internal/amounts.ts";
import { BodyTimeEstimates } from "../internal/body-time-estimate.ts";
import { Few } from "../internal/few.ts";
import { LoopSpinner, type Spinner } from "../internal/loop-spinner.ts";
import type { Carrier } from "../session/carrier.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import { ArgumentRoom } from "../session/memory/argument-room.ts";
import { type MemoryBudget, processMemory } from "../session/memory/memory-budget.ts";
import { ServerSession, type TaskAcceptor } from "../session/server-session.ts";
import type { ServerStream } from "../session/server-stream.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import type { Hello, Nack } from "../wire/frames.ts";
import { createNack } from "../wire/messages/nack.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import type { TaskReader } from "../wire/task/reader.ts";
import { AcceptGate, type AcceptHook } from "./accept-hook.ts";
import type { AccessRules } from "./access/access-rules.ts";
import { ActiveExecutions } from "./active-executions.ts";
import type { Activity } from "./activity.ts";
import { AnswerWindow } from "./answer-window.ts";
import { createExecution, isOfKind } from "./create-execution.ts";
import { Drain } from "./drain.ts";
import type { Execution } from "./execution.ts";
import type { ExecutionHost, SuspendedExecution } from "./execution-host.ts";
import { KeptStreams } from "./hand-over/kept-streams.ts";
import { IncomingTask } from "./incoming-task.ts";
import { RunQueue } from "./queue/run-queue.ts";
import { Reservations } from "./resources/reservations.ts";
import type { RoutineRequest, RoutineResolver } from "./routine-resolver.ts";
import { SHUTTING_DOWN } from "./shutting-down.ts";
import { judgeHead, kindMismatch, requestedRoutine } from "./task-head.ts";
import type { DescriptorOrigin, TaskHost } from "./task-host.ts";
import type { TaskMeter } from "./task-meter.ts";

/** Parts and settings of a task server. */
export interface TaskServerOptions {
  readonly hello: Hello;
  readonly resolver: RoutineResolver;
  readonly references: References;
  /** Marks remote stacks. */
  readonly origin: string;
  /**
   * The largest number of root tasks whose bodies may run at a time, over all connections, also of those whose callers
   * are gone. Each client's own limit is half of this.
   */
  readonly maxRootTasks: number;
  readonly nestedDispatcher: TaskHost["nestedDispatcher"];
  readonly explainError: ExecutionHost["explainError"];
  /** Asked about tasks of the network. */
  readonly access: Pick<AccessRules, "judge">;
  /** How much it has of what routines can need; absent: nothing. */
  readonly resources?: Amounts | undefined;
  /** The longest time for which it grants reservations, in milliseconds; 0: it grants none. */
  readonly maxReservationMs?: number | undefined;
  /** Asked last about every task; absent: each is taken. */
  readonly accept?: AcceptHook | undefined;
  /** Told when there is something to do, and when there is not; absent: nobody asks. */
  readonly activity?: Activity | undefined;
  /** Told of each task; absent: nobody measures them. */
  readonly meter?: TaskMeter | undefined;
  /** How the thread waits awake for the next task; absent: its loop is kept turning. */
  readonly spinner?: Spinner | undefined;
  /** What callers on the network may make this process hold; absent: the process's own budget. */
  readonly memory?: MemoryBudget | undefined;
}

/** How long a caller that was refused for the load is told to wait before it asks again. */
const RETRY_AFTER_MS = 10;

/** How long the end of the process may wait for callers that do not read their results. */
const LEAVE_MS = 1_000;

/** Runs tasks for its clients. */
export class TaskServer implements TaskAcceptor, ExecutionHost {
  readonly queue: RunQueue;
  readonly active: ActiveExecutions;
  readonly room: ArgumentRoom;
  readonly answers: AnswerWindow;
  readonly kept: KeptStreams;
  readonly references: References;
  readonly origin: string;
  readonly bodyTimes: BodyTimeEstimates = new BodyTimeEstimates();
  readonly #options: TaskServerOptions;
  readonly #sessions = new Set<ServerSession>();
  /** Those in which something has been written in this turn: of thousands, few. */
  readonly #written = new Few<ServerSession>();
  readonly #gate: AcceptGate | undefined;
  readonly #reservations: Reservations;
  readonly #memory: MemoryBudget;
  /** Executions whose bodies suspended in this turn: their callers learn of it when the turn ends. */
  #suspended: SuspendedExecution[] = [];
  readonly #spinner: Spinner;
  /** When the batch that is being read has come; 0 until somebody needs to know. */
  #arrivedMs = 0;
  /** Absent until it drains. */
  #drain: Drain | undefined;
  /** Tasks have been told to end: nothing new is taken, not even what is nested. */
  #stopping = false;

  constructor(options: TaskServerOptions) {
    this.#options = options;
    this.#memory = options.memory ?? processMemory();
    this.#spinner = options.spinner ?? new LoopSpinner();
    this.references = options.references;
    this.origin = options.origin;
    this.#gate = options.accept === undefined ? undefined : new AcceptGate(options.accept);
    this.room = new ArgumentRoom(this.#memory);
    this.answers = new AnswerWindow(this.#memory);
    this.kept = new KeptStreams(options);
    const { access, activity, maxRootTasks, meter, maxReservationMs: maxTimeMs } = options;
    const counted = (change: 1 | -1): void => this.active.reserved(change);
    this.#reservations = new Reservations({ total: options.resources, access, maxTimeMs, counted });
    const { resources } = this.#reservations;
    const limits = { room: this.room, budget: this.#memory, maxRootTasks };
    this.active = new ActiveExecutions({ ...limits, activity, meter, resources });
    this.queue = new RunQueue({ hasUnsent: () => this.#hasUnsentAnswers(), flush: () => this.#flushAll() });
  }

  /** Tasks accepted and not over. */
  get inFlight(): number {
    return this.active.size;
  }

  get draining(): boolean {
    return this.#drain !== undefined;
  }

  get arrivedMs(): number {
    if (this.#arrivedMs === 0) this.#arrivedMs = performance.now();
    return this.#arrivedMs;
  }

  /** Serves one client. */
  serve(carrier: Carrier): ServerSession {
    const session = new ServerSession(carrier, this.#options.hello, this, this.#memory);
    this.#sessions.add(session);
    return session;
  }

  /**
   * Takes no more root tasks; nested ones, of calls under way, are still taken.
   *
   * @param except A connection whose root tasks are taken all the same: its client makes no new calls and
   *   waits for those it has made, of which some may not have been sent yet.
   */
  drain(except?: ConnectionId): void {
    const before = this.#drain;
    if (before?.isWhole === true) return;
    const drain = new Drain(except);
    this.#drain = drain;
    for (const session of this.#sessions) {
      // A client that has not sent its Hello may be the exception; it is told once it has sent it.
      if (session.connection.peer === undefined || before?.concerns(session) === true) continue;
      if (drain.concerns(session)) session.drain(SHUTTING_DOWN, 0);
    }
    this.#reservations.endAll((session) => drain.concerns(session));
    if (before === undefined) this.active.workerDrains();
  }

  /** Resolves when no task is under way. */
  idle(): Promise<void> {
    return this.active.idle();
  }

  /**
   * Resolves when every client has read what it was told, that it should send no more tasks for instance, and
   * all that it had sent by then has been taken or refused.
   */
  async caughtUp(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.caughtUp()));
  }

  /**
   * Ends every task, since the worker ends: those queued never start, those running see their signals fire. Nothing
   * more is taken.
   */
  stopAll(): void {
    this.#stopping = true;
    this.active.stopAll(abortReason("The worker is shutting down"));
  }

  /** Answers the tasks whose bodies have not ended in time. */
  forsakeAll(): void {
    this.active.forsakeAll();
  }

  /**
   * The process is about to end, and the event loop turns no more: refuses every task whose body has not started, and
   * sends those refusals and all results that there are. What is running is lost with the process: unasked, if it has
   * not been told to drain before.
   */
  leave(): void {
    const unasked = this.#drain === undefined;
    this.#drain = new Drain();
    this.active.declineAll(NackCode.DRAINING, SHUTTING_DOWN);
    const untilMs = performance.now() + LEAVE_MS;
    for (const session of this.#sessions) session.leave(SHUTTING_DOWN, { unasked, untilMs });
  }

  /** Closes every connection, once what was written has left. */
  close(): void {
    this.#drain = new Drain();
    this.answers.close();
    for (const session of [...this.#sessions]) session.connection.close();
  }

  opened(session: ServerSession): void {
    if (this.#drain?.concerns(session) === true) session.drain(SHUTTING_DOWN, 0);
  }

  /** Checks in order of cost: the head, the load, the routine, whether its caller may call it, its limit and its resources, and last the owner's hook. */
  accept(session: ServerSession, frame: FrameReader): ServerStream | Nack {
    const head = frame.task;
    const refused = judgeHead(head, this.#options.hello) ?? this.#judgeLoad(session, head);
    if (refused !== undefined) return refused;
    const reserve = head.reserve();
    if (reserve !== undefined) return this.#reservations.grant(session, frame, reserve);
    const token = head.take();
    if (token !== undefined) return this.kept.take(session, frame.stream, token);
    const request = requestedRoutine(session, head);
    if (request === undefined) {
      return createNack(
        NackCode.UNKNOWN_ROUTINE,
        "the task names its routine by an index that was never defined",
      );
    }
    const definition = request.definition ?? this.#options.resolver.lookup(request);
    if (definition !== undefined && "code" in definition) return definition;
    if (definition !== undefined && !session.connection.carrier.local) {
      const forbidden = this.#options.access.judge(definition, session.peer, request);
      if (forbidden !== undefined) return forbidden;
    }
    const task = this.#arrived(session, frame);
    if ("code" in task) return task;
    const mismatch = definition === undefined ? undefined : kindMismatch(definition, task);
    if (mismatch !== undefined) return createNack(NackCode.BAD_PAYLOAD, mismatch);
    const full = definition?.limit === undefined ? undefined : this.active.routines.judge(definition);
    const short =
      full ?? (needsSome(task, definition) ? this.#reservations.judge(task, definition) : undefined);
    if (short !== undefined) return short;
    const declined = this.#gate?.judge(task, definition?.id ?? request.id, this.active.bodies);
    if (declined !== undefined) return declined;

    const execution = createExecution(this, task, definition);
    this.active.add(execution);
    if (definition === undefined) this.#resolve(execution, request);
    else this.#bind(execution, definition);
    return execution;
  }

  #arrived(session: ServerSession, frame: FrameReader): IncomingTask | Nack {
    try {
      return new IncomingTask(this, session, frame);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      return createNack(NackCode.BAD_PAYLOAD, error.message);
    }
  }

  batchEnd(): void {
    this.#arrivedMs = 0;
    this.#spinner.arrived();
    this.queue.drain();
    // Answers that are ready leave now, unless bodies have suspended that may settle before the turn is over.
    if (this.#suspended.length === 0) this.#flushAll();
  }

  flushed(): void {
    // A caller that makes one short call after the other has the next one here in a moment.
    if (this.active.size === 0) this.#spinner.expect();
  }

  written(session: ServerSession): void {
    this.#written.add(session);
  }

  beforeFlush(session: ServerSession): void {
    this.#written.delete(session);
    if (this.#suspended.length === 0) return;
    const suspended = this.#suspended;
    this.#suspended = [];
    for (const execution of suspended) execution.reportSuspended();
  }

  closed(session: ServerSession): void {
    this.#arrivedMs = 0; // its batch may not have been read to its end
    this.#sessions.delete(session);
    this.#written.delete(session);
  }

  nestedDispatcher(descriptor: Uint8Array | undefined, origin: DescriptorOrigin): Dispatcher | undefined {
    return this.#options.nestedDispatcher(descriptor, origin);
  }

  explainError(definition: RoutineDefinition, error: unknown): unknown {
    return this.#options.explainError(definition, error);
  }

  stoppedError(routine: string, cause: unknown): Error {
    const worker = { uid: this.#options.hello.uid, pid: process.pid };
    return new WorkerLostError(`it was stopped; the call to '${routine}' may have run`, worker, {
      reason: "stopped",
      ...(cause === undefined ? {} : { cause }),
    });
  }

  suspended(execution: SuspendedExecution): void {
    this.#suspended.push(execution);
    execution.session.connection.scheduleFlush();
  }

  /** Refuses a task for which there is no room. */
  #judgeLoad(session: ServerSession, head: TaskReader): Nack | undefined {
    if (this.#stopping) return createNack(NackCode.DRAINING, SHUTTING_DOWN);
    // A reservation belongs to no task: whoever says so has it judged as any other.
    const isNested = (head.flags & TaskFlag.Nested) !== 0 && head.reserve() === undefined;
    if (!isNested && this.#drain?.concerns(session) === true) {
      return createNack(NackCode.DRAINING, SHUTTING_DOWN);
    }
    const tasks = this.active.excess(isNested ? "nested" : "root", session.connection.memory?.peer);
    if (tasks === undefined) return undefined;
    return createNack(NackCode.FULL, `the worker already has ${tasks} calls`, RETRY_AFTER_MS);
  }

  /** The routine has been found: goes on with an execution of its kind, if the one made before is of the other. */
  #fit(execution: Execution, definition: RoutineDefinition): Execution {
    if (isOfKind(execution, definition)) return execution;
    const { task, session, stream } = execution;
    const fitting = createExecution(this, task, definition);
    if (!this.active.replace(execution, fitting)) return execution; // over meanwhile
    execution.handOver(fitting);
    session.replace(stream, fitting);
    return fitting;
  }

  #bind(execution: Execution, definition: RoutineDefinition): void {
    if (definition.limit !== undefined && execution.phase !== "over")
      this.active.routines.take(execution, definition);
    if (needsSome(execution.task, definition) && execution.phase !== "over")
      this.#reservations.take(execution.task, definition);
    execution.bind(definition);
  }

  #resolve(execution: Execution, request: RoutineRequest): void {
    this.#options.resolver.resolve(request).then(
      (definition) => {
        const mismatch = kindMismatch(definition, execution.task);
        if (mismatch !== undefined) return execution.refuse(NackCode.BAD_PAYLOAD, mismatch);
        const full = this.active.routines.judge(definition);
        const refused = full ?? this.#reservations.judge(execution.task, definition);
        if (refused !== undefined) return execution.refuse(refused.code, refused.reason, refused);
        this.#bind(this.#fit(execution, definition), definition);
      },
      (error: unknown) => execution.refuseUnresolved(error),
    );
  }

  #hasUnsentAnswers(): boolean {
    const written = this.#written;
    for (let at = written.size - 1; at >= 0; at--) if (written.at(at)?.hasUnsentAnswers === true) return true;
    return false;
  }

  #flushAll(): void {
    const written = this.#written;
    for (let at = written.size - 1; at >= 0; at--) written.at(at)?.connection.flush();
  }
}

/** Whether a task needs resources: for its routine, as far as that is known, or of a reservation. */
function needsSome({ reservationStream }: IncomingTask, definition: RoutineDefinition | undefined): boolean {
  return definition?.needs !== undefined || reservationStream !== 0;
}
