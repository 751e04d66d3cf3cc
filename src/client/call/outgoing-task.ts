/**
 * The Task that a call sends. From its head a worker decides whether to take it, before it decodes the
 * arguments, and the task learns about its call. Most of the head is known from the start; fields that depend
 * on the connection are filled in each time the Task leaves. Its arguments are encoded once, the receiver of a
 * method call in front of them. A value that cannot travel is refused under the path by which the caller knows
 * it.
 */
import type { BalancedTask } from "../../balancer/balancer.ts";
import { unreadIn } from "../../codec/beside/unread-blobs.ts";
import { encodeValue } from "../../codec/encode/encoder.ts";
import type { EncodeOptions } from "../../codec/encode/encoding.ts";
import type { FlowSink, References, SignalSink } from "../../codec/references.ts";
import type { CallOptions, CallRequest } from "../../context/dispatcher.ts";
import type { LineageEntry, RunningTask } from "../../context/task.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import { copyOfModule } from "../../identity/copies.ts";
import type { RoutineDefinition } from "../../identity/routine-definition.ts";
import type { Amounts } from "../../internal/amounts.ts";
import type { Listed } from "../../internal/awaitable-set.ts";
import type { BodyTimeEstimate, BodyTimeEstimates } from "../../internal/body-time-estimate.ts";
import type { FifoNode } from "../../internal/fifo.ts";
import { nextArrival } from "../../internal/queue/arrival.ts";
import type { QueuePlace } from "../../internal/queue/priority-order.ts";
import type { Queued } from "../../internal/queue/priority-queue.ts";
import { turnTimeMs } from "../../internal/time/turn-time.ts";
import type { ClientSession } from "../../session/client-session.ts";
import type { Definable } from "../../session/definitions.ts";
import { besideOf } from "../../session/messages/enclosing.ts";
import type { TraceContext } from "../../telemetry/trace-context.ts";
import type { RoutineOrigin, TaskFields } from "../../wire/frames.ts";
import { encodeRuntimeContext } from "../../wire/messages/runtime-context.ts";
import type { Payload } from "../../wire/payload.ts";
import { TaskFlag } from "../../wire/task/flags.ts";
import type { RoutineLimit, RoutineLimits } from "../members/routine-limits.ts";
import type { PlacedRequest } from "./placed-request.ts";
import type { ReservedPlace } from "./reserved-place.ts";

/** More than nothing: a worker with as much work ahead as it may have has no room for anybody. */
const OVERDUE_US = 1e-6;

const NO_HASH = new Uint8Array(0);

/** The fields of one Task. */
export class TaskHead implements TaskFields {
  routineRef = 0;
  callable: string | undefined;
  proxyRef = 0;
  flags: number;
  /** Written by the call, which has the clock. */
  budgetUs = 0;
  readonly credit: number;
  readonly parts = 0;
  readonly tag: string | undefined;
  readonly priority: number;
  /** 0: no limit. */
  readonly runTimeoutUs: number;
  readonly callers: readonly LineageEntry[] | undefined;
  /** Written again by the record of the call, if a subscriber has put another one there. */
  trace: TraceContext | undefined;
  readonly origin: readonly string[] | undefined;
  readonly runtimeContext: Uint8Array | undefined;
  /** Written again for each worker: only some take one. */
  idempotencyKey: string | undefined;
  readonly #key: string | undefined;
  /** Written by the call, for a worker that takes them. */
  variables: Uint8Array | undefined;
  held: readonly string[] | undefined;
  reservation = 0;
  /** Written by a call that asks for resources in place of a routine. */
  reserve: Uint8Array | undefined;
  /** Written by a call that asks for the stream of another one. */
  take: string | undefined;
  /** Written again for each worker: only some keep items for others. */
  give: string | undefined;
  /** Its items are to be kept for whoever shows this; absent: they are the caller's. */
  #token: string | undefined;
  /** Names of the resources that those hold who call it. */
  readonly #held: readonly string[] | undefined;
  readonly #within: ReservedPlace | undefined;

  /** @param kind `TaskFlag.Generator` or 0. */
  constructor(request: PlacedRequest, kind: number) {
    const { options, parent, receiver, within } = request;
    let flags = kind;
    const runTimeoutMs = options?.runTimeout ?? request.definition.runTimeoutMs;
    const isRunLimited = runTimeoutMs !== undefined && runTimeoutMs !== Number.POSITIVE_INFINITY;
    // Where the beginning of the body is told, that is the sign that the worker has accepted.
    if (options?.dispatchTimeout === undefined || isRunLimited) flags |= TaskFlag.NextImplied;
    if (parent !== undefined) flags |= TaskFlag.Nested;
    if (receiver !== undefined) flags |= TaskFlag.Receiver;
    if (request.definition.tainted === true) flags |= TaskFlag.Tainted;
    this.flags = flags;
    this.credit = options?.prefetch ?? 0;
    this.tag = options?.tag;
    this.priority = options?.priority ?? 0;
    this.runTimeoutUs = isRunLimited ? Math.max(1, Math.round(runTimeoutMs * 1_000)) : 0;
    this.#key = options?.idempotencyKey;
    this.callers = parent?.lineage();
    this.trace = request.trace ?? parent?.traceContext;
    this.origin = parent?.origin;
    if (within !== undefined) {
      this.#within = within;
      this.#held = [...new Set([...within.amounts.keys(), ...(parent?.held ?? [])])];
    } else if (parent !== undefined && parent.held.length > 0) this.#held = parent.held;
    this.runtimeContext = request.block === undefined ? undefined : blockOf(request.block);
  }

  /** Its items are for whoever shows this token: the body starts when somebody has, or when the caller asks for one. */
  giveTo(token: string): void {
    this.#token = token;
    this.flags &= ~TaskFlag.NextImplied;
  }

  /** Whether the caller asks for the first step as soon as the worker has accepted. */
  get startsOnAck(): boolean {
    return this.awaitsAck && this.#token === undefined;
  }

  /** Whether the body starts only once the caller has seen that the worker has accepted. */
  get awaitsAck(): boolean {
    return (this.flags & TaskFlag.NextImplied) === 0;
  }

  /**
   * Names the routine, and the descriptor for calls nested in the task, as this connection knows them.
   *
   * @param descriptor Absent: none travels.
   */
  addressTo(session: ClientSession, definition: RoutineDefinition, descriptor: Definable | undefined): void {
    if (this.#held !== undefined) this.held = session.connection.takesResources ? this.#held : undefined;
    if (this.#within !== undefined) this.reservation = this.#within.stream;
    if (this.reserve !== undefined || this.take !== undefined) return;
    if (this.#token !== undefined) this.give = session.connection.takesHandOver ? this.#token : undefined;
    // A tainted routine takes up no definition: whoever has named it could use up all of them.
    this.routineRef = definition.tainted === true ? 0 : session.routineRef(definition, describeRoutine);
    if (this.#key !== undefined) this.idempotencyKey = session.connection.takesKeys ? this.#key : undefined;
    this.callable = this.routineRef === 0 ? definition.id : undefined;
    this.proxyRef =
      descriptor === undefined || (descriptor.tainted === true && !session.connection.takesTainted)
        ? 0
        : session.proxyRef(descriptor, describeProxy);
  }
}

/** What a dispatcher knows of routines. */
export interface RoutineFigures {
  readonly bodyTimes: BodyTimeEstimates;
  readonly limits: RoutineLimits;
}

/**
 * A task as queues, balancers and members see it: what is called, for whom, with which priority, and how long it is
 * expected to take. It knows nothing of how far it has come, or of its answer.
 */
export abstract class OutgoingTask implements BalancedTask, Queued {
  readonly definition: RoutineDefinition;
  readonly parent: RunningTask | undefined;
  readonly head: TaskHead;
  readonly estimate: BodyTimeEstimate;
  /** The uid of the only worker that it may go to; absent: any. */
  readonly only: string | undefined;
  /** Whether its arguments are more than one frame holds. */
  abstract readonly large: boolean;

  /** Its place among the calls that are not settled: written by `AwaitableSet` only. */
  listed: FifoNode<Listed> | undefined;
  /** When it came to be sent, among others; 0 before. */
  #arrival: number;
  /** Its place while it waits: written by `PriorityQueue` only. */
  queuePlace: QueuePlace | undefined;
  /** The limit of its routine; absent where none is known. */
  limit: RoutineLimit | undefined;
  /** What it needs of a worker's resources, or within a reservation of that; absent: nothing that is known of. */
  needs: Amounts | undefined;
  /** The reservation within which it is to run. */
  readonly within: ReservedPlace | undefined;
  #waitsSinceMs = 0;
  #isOverdue = false;

  constructor(owner: RoutineFigures, request: PlacedRequest, kind: number) {
    const { definition, parent, within } = request;
    this.definition = definition;
    this.parent = parent;
    this.estimate = owner.bodyTimes.of(definition);
    if (owner.limits.any || definition.limit !== undefined) this.limit = owner.limits.of(definition);
    this.head = new TaskHead(request, kind);
    this.only = within?.uid ?? request.only;
    this.within = within;
    this.#arrival = request.arrival ?? 0;
    if (request.sinceMs !== undefined) this.#waitsSinceMs = Math.max(1, Math.trunc(request.sinceMs));
    const { limits } = owner;
    const needs = request.needs ?? definition.needs ?? (limits.any ? limits.needsOf(definition) : undefined);
    if (needs !== undefined) this.require(needs);
  }

  /** It needs so much: of what is kept for it, as far as something is, or else of what its worker has. */
  require(needs: Amounts): void {
    this.needs = this.within === undefined ? needs : within(needs, this.within.amounts);
  }

  /** Whether it may wait until resources are free: nothing of which it is a part holds any. */
  get waitsForResources(): boolean {
    return this.parent === undefined || this.parent.held.length === 0;
  }

  /** Identity of the routine. */
  get routine(): string {
    return this.definition.id;
  }

  get tag(): string | undefined {
    return this.head.tag;
  }

  /** Whether the caller is itself a task. */
  get nested(): boolean {
    return this.parent !== undefined;
  }

  get priority(): number {
    return this.head.priority;
  }

  /** Nested calls wait apart from all others. */
  get rank(): number {
    return this.head.priority;
  }

  /**
   * With how much work it asks for room, in microseconds: with what it is expected to take, or, once many others have
   * gone past it, with next to nothing. Undefined if nothing is known.
   */
  get roomUs(): number | undefined {
    return this.#isOverdue ? OVERDUE_US : this.estimate.us;
  }

  /** Many others have gone past it: it waits no longer for a worker that has nothing else to do. */
  becomesOverdue(): void {
    this.#isOverdue = true;
  }

  /** Since when it has waited for a worker, in whole milliseconds on the clock of `performance.now()`; 0: it never has. */
  get waitsSinceMs(): number {
    return this.#waitsSinceMs;
  }

  get arrival(): number {
    return this.#arrival;
  }

  /** It is to be sent, for the first time. */
  arrives(): void {
    if (this.#arrival === 0) this.#arrival = nextArrival();
  }

  /** It has to wait. */
  waits(): void {
    if (this.#waitsSinceMs === 0) this.#waitsSinceMs = turnTimeMs();
  }
}

/** Those of which there are some among others. */
function within(needs: Amounts, others: Amounts): Amounts | undefined {
  const found = new Map([...needs].filter(([name]) => others.has(name)));
  return found.size === 0 ? undefined : found;
}

/** The options of the block, as they travel; a pool does not. */
function blockOf({ dispatchTimeout, timeout, tag }: CallOptions): Uint8Array | undefined {
  const bytes = encodeRuntimeContext({ dispatchTimeout, timeout, tag });
  return bytes.length === 0 ? undefined : bytes;
}

function describeRoutine(definition: RoutineDefinition): Definable {
  const { id, module } = definition;
  return { value: Buffer.from(id), location: module ?? "", origin: originOf(definition) };
}

/** What tells the routine from others of its identity, as far as it is known. */
function originOf({ declaration, module }: RoutineDefinition): RoutineOrigin | undefined {
  if (declaration === undefined) {
    // Another process has declared it, and only its module is known.
    const copy = module === undefined ? "" : copyOfModule(module);
    return copy === "" ? undefined : { copy, packageVersion: "", scriptHash: NO_HASH, path: "" };
  }
  const { copy, version, site } = declaration;
  const hash = site.evaluation.scriptHash();
  const scriptHash = hash === undefined ? NO_HASH : Buffer.from(hash, "hex");
  return { copy, packageVersion: version, scriptHash, path: site.path };
}

function describeProxy(descriptor: Definable): Definable {
  return descriptor;
}

/** Why what is called on each worker gives nothing away. */
const TO_EACH =
  "it is marked with move(), and a call that goes to each worker cannot give it away; send it without the mark";

/** How the arguments of a call are encoded. @param sink Takes up what lives on among them. */
export function encodingOf(
  { options, only }: CallRequest,
  { references, hasThreads }: { readonly references: References; readonly hasThreads: boolean },
  sink: SignalSink & FlowSink,
): EncodeOptions {
  return {
    root: "args",
    references,
    signals: sink,
    flows: sink,
    copy: options?.copy ?? false,
    textUnits: true, // a worker that reads none gets the payload rewritten
    platform: true, // likewise: to others nothing is sent
    blobs: true,
    moves: only === undefined || TO_EACH,
    attaches: hasThreads,
  };
}

/**
 * Encodes the receiver and the arguments of a call.
 *
 * @param call The parameters, and the receiver of a method call.
 * @throws {@link NotSerializableError} naming `this` or the argument that cannot travel.
 */
export function encodeCall(
  call: { readonly receiver: unknown; readonly parameters: readonly unknown[] },
  options: EncodeOptions,
): Payload {
  const { receiver, parameters } = call;
  return receiver === undefined
    ? encodeValue(parameters, options)
    : encodeMethodCall(receiver, parameters, options);
}

/** Encodes a receiver before its arguments, and names both in refusals as the caller knows them. */
function encodeMethodCall(
  receiver: unknown,
  parameters: readonly unknown[],
  options: EncodeOptions,
): Payload {
  try {
    const encoded = encodeValue([receiver, ...parameters], options);
    besideOf(encoded)?.rename((path) => knownPath(path) ?? path);
    unreadIn(encoded)?.rename((path) => knownPath(path) ?? path);
    const { tainted, platform } = encoded;
    if (tainted === undefined && platform === undefined) return encoded;
    return {
      ...encoded,
      ...(tainted !== undefined && { tainted: knownPath(tainted) }),
      ...(platform !== undefined && { platform: { ...platform, path: knownPath(platform.path) ?? "" } }),
    };
  } catch (error) {
    const known = error instanceof NotSerializableError ? knownPath(error.path) : undefined;
    if (known === undefined) throw error;
    const { path, message, cause, fault } = error as NotSerializableError;
    // biome-ignore lint/style/useErrorCause: it is the same error under the path its caller knows, with its own cause.
    throw new NotSerializableError(known, message.slice(message.indexOf(path) + path.length + 2), {
      cause,
      fault,
    });
  }
}

/** The path by which the caller of a method knows what lies at a path of the arguments sent. */
function knownPath(path: string): string | undefined {
  const [, index, rest] = /^args\[(\d+)\](.*)$/s.exec(path) ?? [];
  if (index === undefined) return undefined;
  return `${index === "0" ? "this" : `args[${Number(index) - 1}]`}${rest}`;
}
