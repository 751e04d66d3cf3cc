/**
 * Serves tasks: admits them, finds their routines, queues and counts them, and drains. One per worker,
 * over any number of connections; it does not know what carries them.
 */
import type { References } from "../codec/references.ts";
import type { Dispatcher } from "../context/dispatcher.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { BodyTimeEstimates } from "../internal/body-time-estimate.ts";
import { errorText } from "../internal/error-text.ts";
import { LoopSpinner } from "../internal/loop-spinner.ts";
import type { Carrier } from "../session/carrier.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import { refusal, ServerSession, type ServerStream, type TaskAcceptor } from "../session/server-session.ts";
import { formatTaskId, taskIdPrefix } from "../session/task-id.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import type { Define, Hello, Nack } from "../wire/frames.ts";
import { headMismatch } from "../wire/head-mismatch.ts";
import { DefineKind } from "../wire/messages/define-kind.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { readText } from "../wire/protobuf/text.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import type { TaskReader } from "../wire/task/reader.ts";
import { AcceptGate, type AcceptHook } from "./accept-hook.ts";
import type { Activity } from "./activity.ts";
import type { Execution, ExecutionHost } from "./execution.ts";
import { FunctionExecution } from "./function-execution.ts";
import { GeneratorExecution } from "./generator-execution.ts";
import { IncomingTask } from "./incoming-task.ts";
import type { RoutineRequest, RoutineResolver } from "./routine-resolver.ts";
import { RunQueue } from "./run-queue.ts";

/** What a task server is made of. */
export interface TaskServerOptions {
  readonly hello: Hello;
  readonly resolver: RoutineResolver;
  readonly references: References;
  /** Marks remote stacks. */
  readonly origin: string;
  /** Root calls accepted at a time, over all connections. The client's own gate is half of it. */
  readonly maxRootCalls: number;
  /**
   * The dispatcher for nested calls, from the descriptor that came with the task; absent when none came.
   * `local`: whether it came over a local carrier, and may be believed.
   */
  readonly nestedDispatcher: (
    descriptor: Uint8Array | undefined,
    origin: { readonly local: boolean },
  ) => Dispatcher | undefined;
  /** Completes an error of a body with what the worker knows about its module. */
  readonly explainError: (definition: RoutineDefinition, error: unknown) => unknown;
  /** Asked last about every task; absent: each is taken. */
  readonly accept?: AcceptHook | undefined;
  /** Told when there is something to do, and when there is not; absent: nobody asks. */
  readonly activity?: Activity | undefined;
}

const SHUTTING_DOWN = "the worker is shutting down";

/** Runs tasks for its clients. */
export class TaskServer implements TaskAcceptor, ExecutionHost {
  readonly queue: RunQueue;
  readonly references: References;
  readonly origin: string;
  readonly bodyTimes: BodyTimeEstimates = new BodyTimeEstimates();
  readonly #options: TaskServerOptions;
  readonly #sessions = new Set<ServerSession>();
  readonly #running = new Set<Execution>();
  /** Over, since their callers are gone; their bodies still run. */
  readonly #orphans = new Set<Execution>();
  readonly #gate: AcceptGate | undefined;
  readonly #prefixes = new WeakMap<ServerSession, string>();
  /** Executions whose bodies suspended in this turn: their callers learn of it when the turn ends. */
  #suspended: Execution[] = [];
  readonly #spinner = new LoopSpinner();
  #rootCalls = 0;
  #busy = false;
  #draining = false;
  /** The connection to which draining does not apply. */
  #spared: ConnectionId | undefined;
  #whenIdle: Array<() => void> = [];

  constructor(options: TaskServerOptions) {
    this.#options = options;
    this.references = options.references;
    this.origin = options.origin;
    this.#gate = options.accept === undefined ? undefined : new AcceptGate(options.accept);
    this.queue = new RunQueue(() => this.#flushAll());
  }

  /** Tasks accepted and not over. */
  get inFlight(): number {
    return this.#running.size;
  }

  /** Serves one client. */
  serve(carrier: Carrier): ServerSession {
    const session = new ServerSession(carrier, this.#options.hello, this);
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
    const announced = this.#draining ? this.#spared : undefined;
    if (this.#draining && announced === undefined) return;
    for (const session of this.#sessions) {
      // A client that has not sent its Hello may be the exception; it is told once it has sent it.
      if (session.connection.peer === undefined) continue;
      const told = this.#draining && !isConnection(session, announced);
      if (!told && !isConnection(session, except)) session.drain(SHUTTING_DOWN, 0);
    }
    this.#draining = true;
    this.#spared = except;
  }

  /** Resolves when no task is under way. */
  idle(): Promise<void> {
    if (this.#running.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.#whenIdle.push(resolve));
  }

  /**
   * Resolves when every client has read what it was told, that it should send no more tasks for instance, and
   * all that it had sent by then has been taken or refused.
   */
  async caughtUp(): Promise<void> {
    await Promise.all([...this.#sessions].map((session) => session.caughtUp()));
  }

  /** Ends every task: those queued never start, those running see their signals fire. */
  abortAll(reason: unknown): void {
    for (const execution of [...this.#running]) execution.abort(reason);
  }

  /** Closes every connection, once what was written has left. */
  close(): void {
    this.#draining = true;
    this.#spared = undefined;
    for (const session of [...this.#sessions]) session.connection.close();
  }

  opened(session: ServerSession): void {
    if (this.#draining && !isConnection(session, this.#spared)) session.drain(SHUTTING_DOWN, 0);
  }

  accept(session: ServerSession, frame: FrameReader): ServerStream | Nack {
    const head = frame.task;
    const foreign = this.#judgeHead(head);
    if (foreign !== undefined) return foreign;
    const nested = (head.flags & TaskFlag.Nested) !== 0;
    if (this.#draining && !nested && !isConnection(session, this.#spared))
      return refusal(NackCode.DRAINING, SHUTTING_DOWN);
    if (!nested && this.#rootCalls >= this.#options.maxRootCalls) {
      return refusal(NackCode.FULL, `the worker already has ${this.#rootCalls} calls`, 10);
    }
    // Any caller on the network can claim that its call is nested; such calls are bounded like all others,
    // only later.
    if (nested && !session.connection.carrier.local && this.#running.size >= 2 * this.#options.maxRootCalls) {
      return refusal(NackCode.FULL, `the worker already has ${this.#running.size} calls`, 10);
    }
    const request = routineRequest(session, head);
    if (request === undefined) {
      return refusal(
        NackCode.UNKNOWN_ROUTINE,
        "the task names its routine by an index that was never defined",
      );
    }

    const task = new IncomingTask(this, session, frame);
    const found = this.#options.resolver.lookup(request);
    if (found !== undefined && "code" in found) return found;
    const definition = found;
    const execution = this.#execution(task, definition);
    if (definition !== undefined) {
      const mismatch = kindMismatch(definition, task);
      if (mismatch !== undefined) return refusal(NackCode.BAD_PAYLOAD, mismatch);
      execution.bind(definition);
    }
    const inFlight = this.#running.size + this.#orphans.size;
    const full = this.#gate?.judge(task, definition?.id ?? request.id, inFlight);
    if (full !== undefined) return full;
    this.#running.add(execution);
    this.#noteActivity();
    if (!nested) {
      execution.permit = true;
      this.#rootCalls += 1;
    }
    if (definition === undefined) this.#resolve(execution, request);
    return execution;
  }

  batchEnd(): void {
    this.#spinner.arrived();
    this.queue.drain();
    // What is ready leaves now, unless bodies have suspended that may settle before the turn is over.
    if (this.#suspended.length === 0) this.#flushAll();
  }

  flushed(): void {
    // A caller that makes one short call after the other has the next one here in a moment.
    if (this.#running.size === 0) this.#spinner.expect();
  }

  beforeFlush(_session: ServerSession): void {
    if (this.#suspended.length === 0) return;
    const suspended = this.#suspended;
    this.#suspended = [];
    for (const execution of suspended) execution.reportSuspended();
  }

  closed(session: ServerSession): void {
    this.#sessions.delete(session);
  }

  taskId({ session, stream }: IncomingTask): string {
    const client = session.connection.peer;
    let prefix = this.#prefixes.get(session);
    if (prefix === undefined) {
      prefix = taskIdPrefix(client?.uid ?? "");
      this.#prefixes.set(session, prefix);
    }
    return formatTaskId(prefix, client?.session ?? 0, stream);
  }

  dispatcher({ session, proxyRef }: IncomingTask): Dispatcher | undefined {
    const define = session.connection.definition(DefineKind.Proxy, proxyRef);
    return this.#options.nestedDispatcher(define?.value, session.connection.carrier);
  }

  suspended(execution: Execution): void {
    this.#suspended.push(execution);
    execution.session.connection.scheduleFlush();
  }

  suspendedAtYield(execution: Execution): void {
    if (!execution.permit) return;
    execution.permit = false;
    this.#rootCalls -= 1;
  }

  resumed(execution: Execution): void {
    if (execution.permit || execution.task.nested) return;
    execution.permit = true;
    this.#rootCalls += 1;
  }

  ended(execution: Execution): void {
    if (!this.#running.delete(execution)) return;
    this.#noteActivity();
    this.suspendedAtYield(execution);
    if (this.#running.size > 0 || this.#whenIdle.length === 0) return;
    const waiting = this.#whenIdle;
    this.#whenIdle = [];
    for (const resolve of waiting) resolve();
  }

  orphaned(execution: Execution): void {
    this.#orphans.add(execution);
    this.#noteActivity();
  }

  bodyEnded(execution: Execution): void {
    if (this.#orphans.delete(execution)) this.#noteActivity();
  }

  explainError(definition: RoutineDefinition, error: unknown): unknown {
    return this.#options.explainError(definition, error);
  }

  runnable(execution: Execution): void {
    execution.begin();
  }

  #noteActivity(): void {
    const busy = this.#running.size > 0 || this.#orphans.size > 0;
    if (busy === this.#busy) return;
    this.#busy = busy;
    if (busy) this.#options.activity?.busy();
    else this.#options.activity?.idle();
  }

  /** Refuses a task whose head says that its caller and this worker do not understand each other. */
  #judgeHead(head: TaskReader): Nack | undefined {
    const { hello } = this.#options;
    const version = head.version();
    const codec = head.codec();
    if (version !== undefined || codec !== undefined) {
      const mismatch = headMismatch({ version, codec }, hello);
      if (mismatch !== undefined) return refusal(mismatch.code, mismatch.reason);
    }
    if (head.hasKeywords) {
      return refusal(
        NackCode.BAD_PAYLOAD,
        "the task has arguments by name, which routines do not take; pass an object",
      );
    }
    return undefined;
  }

  /**
   * Makes the execution of a task. A caller without `Feature.Grammar` may not know which kind of routine it
   * calls; until the worker does, its task is kept as a generator's, which remembers every step.
   */
  #execution(task: IncomingTask, definition: RoutineDefinition | undefined): Execution {
    const kind = definition?.kind ?? (isOpenToKind(task) ? "generator" : kindExpected(task));
    return kind === "generator" ? new GeneratorExecution(this, task) : new FunctionExecution(this, task);
  }

  /** The routine has been found: replaces an execution that was made before, if it is of the other kind. */
  #fit(execution: Execution, definition: RoutineDefinition): Execution {
    const { task, session, stream } = execution;
    if (definition.kind === "generator" || execution instanceof FunctionExecution) return execution;
    if (!this.#running.delete(execution)) return execution; // over meanwhile
    const fitting = new FunctionExecution(this, task);
    this.#running.add(fitting);
    execution.handOver(fitting);
    session.replace(stream, fitting);
    return fitting;
  }

  #resolve(execution: Execution, request: RoutineRequest): void {
    this.#options.resolver.resolve(request).then(
      (definition) => {
        const mismatch = kindMismatch(definition, execution.task);
        if (mismatch === undefined) this.#fit(execution, definition).bind(definition);
        else execution.refuse(NackCode.BAD_PAYLOAD, mismatch);
      },
      (error: unknown) => {
        execution.refuse(NackCode.UNKNOWN_ROUTINE, errorText(error));
      },
    );
  }

  #flushAll(): void {
    for (const session of this.#sessions) session.connection.flush();
  }
}

function routineRequest(session: ServerSession, head: TaskReader): RoutineRequest | undefined {
  const mayImport = session.connection.carrier.local;
  if (head.routineRef === 0) {
    const id = head.callable();
    return id === undefined ? undefined : { id, location: "", mayImport };
  }
  const define: Define | undefined = session.connection.definition(DefineKind.Routine, head.routineRef);
  if (define === undefined) return undefined;
  let request = requests.get(define);
  if (request === undefined) {
    request = { id: readText(define.value, 0, define.value.length), location: define.location, mayImport };
    requests.set(define, request);
  }
  return request;
}

function isConnection(session: ServerSession, id: ConnectionId | undefined): boolean {
  const { peer } = session.connection;
  return id !== undefined && peer?.uid === id.client && peer.session === id.session;
}

/** One request object per definition, so that a call of a known routine allocates none. */
const requests = new WeakMap<Define, RoutineRequest>();

function kindExpected(task: IncomingTask): RoutineDefinition["kind"] {
  return (task.flags & TaskFlag.Generator) !== 0 ? "generator" : "function";
}

/**
 * Whether the caller takes a routine of either kind: the original protocol cannot say which one it expects.
 */
function isOpenToKind(task: IncomingTask): boolean {
  return !task.session.knowsGrammar && kindExpected(task) === "function";
}

function kindMismatch(definition: RoutineDefinition, task: IncomingTask): string | undefined {
  const expected = kindExpected(task);
  if (definition.kind === expected || isOpenToKind(task)) return undefined;
  return `'${definition.id}' is a ${definition.kind} in the worker and a ${expected} for the caller; run the same version of the code on both sides`;
}
