/** A dispatcher whose workers are in memory, and a task that makes calls through it. */
import assert from "node:assert/strict";
import type { Balancer } from "../../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../../src/balancer/least-busy-balancer.ts";
import { CallDispatcher } from "../../src/client/dispatch/call-dispatcher.ts";
import type { TaskEvent } from "../../src/client/dispatch/task-event.ts";
import { Membership } from "../../src/client/membership/membership.ts";
import type { Overflow } from "../../src/client/waiting/queue-bound.ts";
import type { IdempotentCallOptions } from "../../src/context/dispatcher.ts";
import type { RunningTask } from "../../src/context/task.ts";
import { LOCAL_PEER } from "../../src/credentials/peers/peer.ts";
import { type RepeatOptions, resolveHedge, resolveRetry } from "../../src/identity/repeat-options.ts";
import type { RoutineDefinition } from "../../src/identity/routine-definition.ts";
import { type Amounts, resourcesOf } from "../../src/internal/amounts.ts";
import { processReferences } from "../../src/routine/process-references.ts";
import { ServerSession } from "../../src/session/server-session.ts";
import type { ServerStream } from "../../src/session/server-stream.ts";
import type { BatchWriter } from "../../src/wire/batch/writer.ts";
import type { Nack } from "../../src/wire/frames.ts";
import { eventually } from "./eventually.ts";
import { type MemoryCarrier, memoryPair } from "./memory-pair.ts";
import { type Body, helloWith, TestWorker, type TestWorkerOptions } from "./protocol-peers.ts";
import { workerMetadata } from "./worker-metadata.ts";

/** What a test says about its dispatcher. */
export interface Wish {
  readonly balancer?: Balancer;
  readonly quorum?: number;
  readonly firstAttemptsMs?: number;
  readonly waitTimeoutMs?: number;
  /** Calls that may wait. Default: any number. */
  readonly maxQueue?: number;
  readonly overflow?: Overflow;
  readonly lastStartError?: Error;
  /** How the processes of lost workers have ended. Default 7. */
  readonly exitCode?: number;
  /** Takes the events about calls. */
  readonly events?: TaskEvent[];
  /** What the connection to a worker waits for. */
  readonly late?: Readonly<Record<string, Promise<void>>>;
  /** Workers that take no task: what each answers. */
  readonly refusing?: Readonly<Record<string, Nack>>;
  /** Workers that answer as the test says, and run nothing. */
  readonly answering?: Readonly<Record<string, Answer>>;
  /** Workers in threads of the program: objects pass to them beside the batches. Default: none. */
  readonly threads?: readonly string[];
  /** How the calls of idempotent routines are repeated; all others are not idempotent. */
  readonly idempotent?: Readonly<Record<string, RepeatOptions>>;
  /** What routines need of resources, as far as the caller knows. */
  readonly needs?: Readonly<Record<string, Amounts>>;
  /** Told when there is a call and was none. */
  readonly begun?: () => void;
  /** How long an evicted worker is left alone at first. Default 10. */
  readonly coolDownMs?: number;
}

/** Writes the answer to a task. */
export type Answer = (writer: BatchWriter, stream: number) => void;

/** A dispatcher whose workers are in memory. */
export function useDispatcher(wish: Wish = {}) {
  const workers = new Map<string, TestWorker>();
  const carriers = new Map<string, MemoryCarrier>();
  const definitions = new Map<string, RoutineDefinition>();
  const membership: Membership = new Membership({
    rules: { version: "0.1.0", secure: false, hostId: "h", filter: undefined },
    capacity: undefined,
    reserved: 0,
    quorum: wish.quorum ?? 1,
    firstAttemptsMs: wish.firstAttemptsMs ?? 0,
    connect: async ({ uid }) => {
      await wish.late?.[uid];
      const { client, server } = memoryPair({ encloses: wish.threads?.includes(uid) ?? false });
      carriers.set(uid, client);
      const nack = wish.refusing?.[uid];
      const answer = wish.answering?.[uid];
      if (nack !== undefined) refuseAll(server, uid, nack);
      else if (answer !== undefined) answerAll(server, uid, answer);
      else workers.get(uid)?.tasks.serve(server);
      return client;
    },
    hello: () => helloWith({ uid: "client" }),
    connectTimeoutMs: 60_000,
    coolDown: { baseMs: wish.coolDownMs ?? 10, factor: 2, maxMs: 60_000, jitter: 0 },
    events: { ready() {}, unreachable() {} },
  });
  const dispatcher = new CallDispatcher({
    references: processReferences,
    balancer: wish.balancer ?? new LeastBusyBalancer(),
    members: membership,
    supply: {
      memberDue: true,
      replacementDue: true,
      lastStartError: wish.lastStartError,
      describeLoss: async (member) => ({ uid: member.uid, exitCode: wish.exitCode ?? 7 }),
      unresponsive() {},
      importFailed: () => false,
    },
    hasThreads: wish.threads !== undefined,
    waitTimeoutMs: wish.waitTimeoutMs ?? 60_000,
    maxQueue: wish.maxQueue,
    overflow: wish.overflow,
    killGraceMs: 60_000,
    begun: wish.begun,
    events:
      wish.events === undefined ? undefined : { wanted: true, publish: (event) => wish.events?.push(event) },
  });
  const define = (id: string, kind: RoutineDefinition["kind"] = "function"): RoutineDefinition => {
    let definition = definitions.get(id);
    if (definition === undefined) {
      const repeats = wish.idempotent?.[id];
      const body = (): never => assert.fail("it ran here");
      definition = {
        id,
        name: id,
        module: undefined,
        kind,
        body,
        declaredIn: undefined,
        timeoutMs: undefined,
        needs: wish.needs?.[id],
        repetition:
          repeats === undefined
            ? undefined
            : { retry: resolveRetry(repeats.retry), hedge: resolveHedge(repeats.hedge) },
        routine: {},
      };
      definitions.set(id, definition);
    }
    return definition;
  };
  return {
    dispatcher,
    membership,
    worker: (uid: string): TestWorker => workers.get(uid) ?? assert.fail(`no worker '${uid}'`),
    carrier: (uid: string): MemoryCarrier => carriers.get(uid) ?? assert.fail(`no connection to '${uid}'`),
    /** Adds a worker that knows these routines. */
    add(uid: string, bodies: Readonly<Record<string, Body>>, options: TestWorkerOptions = {}) {
      workers.set(uid, new TestWorker(bodies, { ...options, hello: helloWith({ ...options.hello, uid }) }));
      const { resources } = options;
      const worker = workerMetadata({
        uid,
        address: `unix:/${uid}`,
        codecs: helloWith().codecs,
        ...(resources !== undefined && { resources: resourcesOf(resources) }),
      });
      membership.observe({ type: "worker-added", worker });
    },
    async ready(count: number) {
      await eventually(() => membership.members.filter((member) => member.ready).length === count);
    },
    call: (
      id: string,
      parameters: readonly unknown[] = [],
      options?: IdempotentCallOptions,
      parent?: RunningTask,
    ) =>
      dispatcher.call({
        definition: define(id),
        receiver: undefined,
        parameters,
        options,
        parent,
      }),
    /** Calls a routine on this worker and on no other. */
    callOnly: (only: string, id: string, parameters: readonly unknown[] = []) =>
      dispatcher.call({
        definition: define(id),
        receiver: undefined,
        parameters,
        options: undefined,
        parent: undefined,
        only,
      }),
    stream: (id: string, options: IdempotentCallOptions = {}, parameters: readonly unknown[] = []) =>
      dispatcher.stream({
        definition: define(id, "generator"),
        receiver: undefined,
        parameters,
        options,
        parent: undefined,
      }),
    async [Symbol.asyncDispose]() {
      dispatcher.abortAll(() => new Error("the test is over"));
      membership.close();
      for (const worker of workers.values()) worker.tasks.close();
      await eventually(() => [...carriers.values()].every((carrier) => carrier.over));
    },
  };
}

/** A task that makes calls; it is never cancelled. */
export function stubParent(): RunningTask {
  return {
    id: "parent",
    caller: undefined,
    tag: undefined,
    peer: LOCAL_PEER,
    origin: undefined,
    routine: "parent",
    signal: new AbortController().signal,
    draining: new AbortController().signal,
    deadline: undefined,
    trace: undefined,
    traceContext: undefined,
    cancelled: false,
    held: [],
    lineage: () => [],
    attach() {},
    detach() {},
  };
}

/** A worker that answers every task in the same way. */
function refuseAll(carrier: MemoryCarrier, uid: string, nack: Nack): void {
  const session = new ServerSession(carrier, helloWith({ uid, session: 0 }), {
    opened() {},
    accept: () => nack,
    batchEnd: () => session.connection.flush(),
    written() {},
    beforeFlush() {},
    flushed() {},
    closed() {},
  });
}

/** A peer that greets as a worker, and writes an answer of the test's own to every task. */
function answerAll(carrier: MemoryCarrier, uid: string, answer: Answer): void {
  const session = new ServerSession(carrier, helloWith({ uid, session: 0 }), {
    opened() {},
    accept: (_session, { stream }) => {
      queueMicrotask(() => {
        answer(session.connection.writer, stream);
        session.connection.flush();
      });
      return SILENT;
    },
    batchEnd() {},
    written() {},
    beforeFlush() {},
    flushed() {},
    closed() {},
  });
}

/** A task of which nothing is done. */
const SILENT: ServerStream = {
  payload() {},
  next() {},
  send() {},
  throw() {},
  return() {},
  flow() {},
  credit() {},
  signalFired() {},
  cancel() {},
  lost() {},
};
