/** Both halves of the protocol as tests use them: a client whose streams record what happens, a worker with routines of the test. */
import assert from "node:assert/strict";
import { decodeValue } from "../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../src/codec/encode/encoder.ts";
import type { RoutineDefinition } from "../../src/identity/routine-definition.ts";
import type { Amounts } from "../../src/internal/amounts.ts";
import { createDeferred } from "../../src/internal/deferred.ts";
import { processReferences } from "../../src/routine/process-references.ts";
import { ClientSession } from "../../src/session/client-session.ts";
import type { ClientStream } from "../../src/session/client-stream.ts";
import type { Definable } from "../../src/session/definitions.ts";
import { DEFAULT_LIMITS, FEATURES } from "../../src/session/limits.ts";
import type { MemoryBudget } from "../../src/session/memory/memory-budget.ts";
import type { ReceivedMessage } from "../../src/session/messages/received-message.ts";
import { BatchWriter } from "../../src/wire/batch/writer.ts";
import type {
  GoAway,
  Hello,
  Limits,
  MessageFields,
  MessageKind,
  Nack,
  TaskFields,
} from "../../src/wire/frames.ts";
import { encodeReserve, type Reserve } from "../../src/wire/messages/resources.ts";
import { NO_PARTS, type Payload } from "../../src/wire/payload.ts";
import { TaskFlag } from "../../src/wire/task/flags.ts";
import { version, WIRE_CODEC } from "../../src/wire/version.ts";
import type { AcceptHook } from "../../src/worker/accept-hook.ts";
import { type AccessRule, AccessRules } from "../../src/worker/access/access-rules.ts";
import type { RoutineRequest, RoutineResolver } from "../../src/worker/routine-resolver.ts";
import type { TaskHost } from "../../src/worker/task-host.ts";
import { TaskServer } from "../../src/worker/task-server.ts";
import { eventually } from "./eventually.ts";
import { type MemoryCarrier, type MemoryPairOptions, memoryPair } from "./memory-pair.ts";

/** A Hello, as ours is but for the fields given. */
export function helloWith(
  fields: Partial<Omit<Hello, "limits">> & { readonly limits?: Partial<Limits> } = {},
): Hello {
  const { limits, ...rest } = fields;
  return {
    session: 1,
    version,
    uid: "test",
    runtime: "node",
    codecs: [WIRE_CODEC],
    features: FEATURES,
    ...rest,
    limits: { ...DEFAULT_LIMITS, ...limits },
  };
}

/** Encodes a value as payload. */
export function payloadOf(
  value: unknown,
  options: { readonly textUnits?: boolean; readonly platform?: boolean } = {},
): Payload {
  return { ...encodeValue(value, { root: "value", references: processReferences, ...options }) };
}

/** Bytes as a payload. */
export function payloadFrom(bytes: Uint8Array, start = 0, end: number = bytes.length): Payload {
  return { bytes, start, end, parts: NO_PARTS };
}

/** How a stream ended. */
export type Outcome =
  | { readonly kind: "done"; readonly value: unknown }
  | { readonly kind: "exception"; readonly error: unknown }
  | { readonly kind: "refused"; readonly nack: Nack }
  | { readonly kind: "failed"; readonly error: Error }
  | { readonly kind: "lost"; readonly error: Error | undefined; readonly started: boolean };

/** A stream that records what the session does with it. */
export class RecordedCall implements ClientStream {
  stream = 0;
  acks = 0;
  /** Who the Acks say that the worker is. */
  readonly workers: { readonly version: string; readonly uid: string }[] = [];
  readonly parkedUs: number[] = [];
  readonly values: unknown[] = [];
  /** `body_us` of each response. */
  readonly bodyUs: number[] = [];
  /** Every terminal event; more than one is an error of the session. */
  readonly outcomes: Outcome[] = [];
  readonly #end = createDeferred<Outcome>();
  #awaited: { readonly count: number; readonly resolve: () => void } | undefined;

  /** Resolves with the first terminal event. */
  get outcome(): Promise<Outcome> {
    return this.#end.promise;
  }

  /** The value of a call that is done; anything else fails the test. */
  async value(): Promise<unknown> {
    const outcome = await this.outcome;
    assert.equal(outcome.kind, "done", `ended as ${outcome.kind}`);
    return outcome.kind === "done" ? outcome.value : undefined;
  }

  /** Resolves once so many values have been yielded. */
  async yielded(count: number): Promise<void> {
    if (this.values.length >= count) return;
    await new Promise<void>((resolve) => {
      this.#awaited = { count, resolve };
    });
  }

  accepted(version: string, uid: string): void {
    this.acks += 1;
    this.workers.push({ version, uid });
  }

  parked(bodyUs: number): void {
    this.parkedUs.push(bodyUs);
  }

  flow(): void {}

  result(message: ReceivedMessage): void {
    this.bodyUs.push(message.bodyUs);
    this.values.push(decodeLeniently(message));
    if (this.#awaited !== undefined && this.values.length >= this.#awaited.count) this.#awaited.resolve();
  }

  done(message: ReceivedMessage): void {
    this.bodyUs.push(message.bodyUs);
    this.#ended({ kind: "done", value: decodeLeniently(message) });
  }

  exception(message: ReceivedMessage): void {
    this.bodyUs.push(message.bodyUs);
    this.#ended({ kind: "exception", error: decodeLeniently(message) });
  }

  refused(nack: Nack): void {
    this.#ended({ kind: "refused", nack });
  }

  failed(error: Error): void {
    this.#ended({ kind: "failed", error });
  }

  lost(error: Error | undefined, started: boolean): void {
    this.#ended({ kind: "lost", error, started });
  }

  #ended(outcome: Outcome): void {
    this.outcomes.push(outcome);
    this.#end.resolve(outcome);
  }
}

/** A payload may have been tampered with; then the error stands for the value. */
function decodeLeniently(message: ReceivedMessage): unknown {
  if (message.empty) return undefined;
  try {
    return decodeValue(message, { references: processReferences, source: message.source });
  } catch (error) {
    return error;
  }
}

/** What a call may set beside its arguments. */
export interface CallFields {
  readonly generator?: boolean;
  /** The worker accepts before the body may start. */
  readonly awaitsAck?: boolean;
  readonly nested?: boolean;
  readonly budgetUs?: number;
  readonly credit?: number;
  readonly tag?: string;
  /** The first of the arguments is the receiver. */
  readonly hasReceiver?: boolean;
  /** The routine has come over a network as a value. */
  readonly tainted?: boolean;
  readonly priority?: number;
  readonly runTimeoutUs?: number;
  readonly idempotencyKey?: string;
  /** What it asks for in place of a routine. */
  readonly reserve?: Reserve;
  /** The token of the stream that it asks for in place of a routine. */
  readonly take?: string;
  /** The stream of the reservation within which it is to run. */
  readonly reservation?: number;
  /** The descriptor for calls nested in the task. */
  readonly proxy?: Definable;
}

const keys = new Map<string, object>();

/** The client's end, as tests drive it. */
export class TestClient {
  readonly session: ClientSession;
  readonly hello: Promise<Hello>;
  readonly closed: Promise<Error | undefined>;
  readonly goAways: GoAway[] = [];
  readonly pongs: number[] = [];
  /** Called at each `progress`. */
  onProgress: (() => void) | undefined;

  constructor(carrier: MemoryCarrier, hello: Hello = helloWith()) {
    const ready = createDeferred<Hello>();
    const closed = createDeferred<Error | undefined>();
    this.hello = ready.promise;
    this.closed = closed.promise;
    this.session = new ClientSession(carrier, hello, {
      ready: ready.resolve,
      goAway: (frame) => this.goAways.push(frame),
      pong: (token) => this.pongs.push(token),
      progress: () => this.onProgress?.(),
      closed: closed.resolve,
    });
  }

  /** Calls a routine. */
  call(id: string, parameters: readonly unknown[] = [], fields: CallFields = {}): RecordedCall {
    return this.#open(id, payloadOf(parameters, { textUnits: true }), fields);
  }

  /** Calls a routine with bytes for arguments. */
  callWith(id: string, bytes: Uint8Array): RecordedCall {
    return this.#open(id, payloadFrom(bytes), {});
  }

  #open(id: string, payload: Payload, fields: CallFields): RecordedCall {
    const recorded = new RecordedCall();
    const { generator = false, awaitsAck = false, nested = false, budgetUs = 0, credit = 0, tag } = fields;
    const { hasReceiver = false, tainted = false, proxy, priority, runTimeoutUs, idempotencyKey } = fields;
    const { reserve, reservation, take } = fields;
    const key = keys.get(id) ?? {};
    keys.set(id, key);
    const routineRef = this.session.routineRef(key, () => ({ value: Buffer.from(id), location: "" }));
    const head: TaskFields = {
      routineRef,
      callable: routineRef === 0 ? id : undefined,
      proxyRef: proxy === undefined ? 0 : this.session.proxyRef(proxy, () => proxy),
      flags:
        (generator ? TaskFlag.Generator : 0) |
        (awaitsAck ? 0 : TaskFlag.NextImplied) |
        (nested ? TaskFlag.Nested : 0) |
        (hasReceiver ? TaskFlag.Receiver : 0) |
        (tainted ? TaskFlag.Tainted : 0),
      budgetUs,
      credit,
      parts: 0,
      tag,
      callers: undefined,
      trace: undefined,
      priority,
      runTimeoutUs,
      idempotencyKey,
      reservation,
      take,
      reserve: reserve === undefined ? undefined : encodeReserve(reserve),
    };
    recorded.stream = this.session.openStream(recorded, head, payload);
    return recorded;
  }
}

/** A routine of a test. */
export type Body = (...parameters: never[]) => unknown;

/** What a test's worker may be told. */
export interface TestWorkerOptions {
  readonly hello?: Hello;
  readonly maxRootTasks?: number;
  /** Rules for callers of the network. */
  readonly rules?: readonly AccessRule[];
  readonly accept?: AcceptHook;
  /** Makes the worker find each routine only when this has settled. */
  readonly found?: Promise<unknown>;
  /** What callers on the network may make it hold. Default: the process's own budget. */
  readonly memory?: MemoryBudget;
  /** Of routines that are methods: the prototype of the class, or for a static one the class. */
  readonly owners?: Readonly<Record<string, object>>;
  /** Of routines, by their identities, how many of their bodies may run. */
  readonly limits?: Readonly<Record<string, number>>;
  /** What it has of resources. */
  readonly resources?: Amounts;
  /** Of routines, by their identities, what their bodies hold of these. */
  readonly needs?: Readonly<Record<string, Amounts>>;
  /** Default: no task has one. */
  readonly nestedDispatcher?: TaskHost["nestedDispatcher"];
}

/** A worker that runs the routines it is given, and counts how often it starts one. */
export class TestWorker {
  readonly tasks: TaskServer;
  readonly requests: RoutineRequest[] = [];
  /** Bodies started. */
  starts = 0;
  readonly #definitions = new Map<string, RoutineDefinition>();

  constructor(bodies: Readonly<Record<string, Body>>, options: TestWorkerOptions = {}) {
    for (const [id, body] of Object.entries(bodies))
      this.#definitions.set(id, {
        ...this.#define(id, body, options.owners?.[id]),
        limit: options.limits?.[id],
        needs: options.needs?.[id],
      });
    const find = (id: string): RoutineDefinition | undefined => this.#definitions.get(id);
    const resolver: RoutineResolver = {
      lookup: (request) => {
        this.requests.push(request);
        return options.found === undefined ? find(request.id) : undefined;
      },
      resolve: async (request) => {
        await options.found;
        const definition = find(request.id);
        if (definition === undefined) throw new Error(`no routine '${request.id}'`);
        return definition;
      },
    };
    this.tasks = new TaskServer({
      hello: options.hello ?? helloWith({ uid: "worker", session: 0 }),
      resolver,
      references: processReferences,
      origin: "worker",
      maxRootTasks: options.maxRootTasks ?? 100_000,
      access: new AccessRules(options.rules),
      resources: options.resources,
      accept: options.accept,
      nestedDispatcher: options.nestedDispatcher ?? (() => undefined),
      memory: options.memory,
      explainError: (_definition, error) => error,
    });
  }

  #define(id: string, body: Body, owner: object | undefined): RoutineDefinition {
    const kind = isGenerator(body) ? "generator" : "function";
    const worker = this;
    const counted = function (this: unknown, ...parameters: never[]): unknown {
      worker.starts += 1;
      return Reflect.apply(body, this, parameters);
    };
    return {
      id,
      name: id,
      module: undefined,
      kind,
      body: counted,
      declaredIn: undefined,
      timeoutMs: undefined,
      owner,
      routine: counted,
    };
  }
}

function isGenerator(body: Body): boolean {
  return /GeneratorFunction$/.test(Object.prototype.toString.call(body).slice(8, -1));
}

/** A client and a worker, connected and introduced. */
export interface Connected extends AsyncDisposable {
  readonly client: TestClient;
  readonly worker: TestWorker;
  readonly carriers: { readonly client: MemoryCarrier; readonly server: MemoryCarrier };
}

/** Connects a client to a worker with these routines and waits for both Hellos. */
export async function connect(
  bodies: Readonly<Record<string, Body>>,
  options: TestWorkerOptions & MemoryPairOptions & { readonly clientHello?: Hello } = {},
): Promise<Connected> {
  const worker = new TestWorker(bodies, options);
  const carriers = memoryPair(options);
  worker.tasks.serve(carriers.server);
  const client = new TestClient(carriers.client, options.clientHello);
  await client.hello;
  await eventually(() => carriers.server.sent.length > 0 && carriers.client.sent.length > 0);
  return {
    client,
    worker,
    carriers,
    async [Symbol.asyncDispose]() {
      client.session.connection.close();
      await eventually(() => carriers.server.over && carriers.client.over);
      worker.tasks.stopAll();
    },
  };
}

/** Writes one batch of frames, without a session. */
export function batchOf(write: (writer: BatchWriter) => void): Uint8Array {
  const writer = new BatchWriter();
  write(writer);
  return writer.take().subarray(BatchWriter.HEADROOM);
}

/** The head of a message, for frames written by hand; unless it says otherwise, all of it is in the frame. */
export function messageHead(
  kind: MessageKind,
  fields: Partial<Omit<MessageFields, "kind">> = {},
): MessageFields {
  return { kind, parts: 0, detached: false, bodyUs: 0, ...fields };
}

/** A task's head without arguments of its own, for frames written by hand. */
export function headOf(fields: Partial<TaskFields>): TaskFields {
  return {
    routineRef: 0,
    callable: undefined,
    proxyRef: 0,
    flags: TaskFlag.NextImplied,
    budgetUs: 0,
    credit: 0,
    parts: 0,
    tag: undefined,
    callers: undefined,
    trace: undefined,
    ...fields,
  };
}
