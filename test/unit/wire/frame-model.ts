/**
 * A frame as plain data, and the three ways it is turned into something else: written by hand, built
 * with the generated bindings, read back from the reader. Tests compare the ways with each other.
 */

import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import type { Amounts } from "../../../src/internal/amounts.ts";
import type { BatchReader } from "../../../src/wire/batch/reader.ts";
import type { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import type { Define, GoAway, Hello, Nack, TaskFields } from "../../../src/wire/frames.ts";
import {
  type Batch,
  BatchSchema,
  type ContextChanges,
  ContextChangesSchema,
  type DefineSchema,
  type FlowSchema,
  type Frame,
  FrameSchema,
  type Message,
  MessageSchema,
  ReserveSchema,
  RuntimeContextSchema,
} from "../../../src/wire/gen/wire_pb.ts";
import type { FlowHead } from "../../../src/wire/messages/flow.ts";
import { encodeReserve } from "../../../src/wire/messages/resources.ts";
import { encodeRuntimeContext } from "../../../src/wire/messages/runtime-context.ts";
import { NO_PARTS, type Payload } from "../../../src/wire/payload.ts";
import { TaskFlag } from "../../../src/wire/task/flags.ts";

type MessageKind = "Send" | "Throw" | "Return" | "Result" | "Exception" | "Done";

/** A frame, with `undefined`, 0 and empty for what is absent. */
export type FrameModel =
  | { kind: "Task"; stream: number; fields: TaskFields; args: Uint8Array }
  | { kind: "Next"; stream: number; variables?: Uint8Array }
  | {
      kind: MessageKind;
      stream: number;
      dump: Uint8Array;
      parts: number;
      detached: boolean;
      /** Absent: not. */
      attached?: boolean;
      bodyUs: number;
      /** An encoded `ContextChanges`; absent: none. */
      variables?: Uint8Array;
    }
  | {
      kind: "CallerFlow" | "WorkerFlow";
      stream: number;
      flow: FlowHead;
      dump: Uint8Array;
      parts: number;
      detached: boolean;
      /** Absent: not. */
      attached?: boolean;
      variables?: Uint8Array;
    }
  | { kind: "Cancel"; stream: number; reason: Uint8Array }
  | { kind: "Credit"; stream: number; count: number; variables?: Uint8Array }
  | { kind: "Signal"; stream: number; index: number; reason: Uint8Array }
  | { kind: "Ack"; stream: number; version: string; uid: string }
  | { kind: "Nack"; stream: number; nack: Nack }
  | { kind: "Parked"; stream: number; bodyUs: number }
  | { kind: "Hello"; stream: 0; hello: Hello }
  | { kind: "GoAway"; stream: 0; goAway: GoAway }
  | { kind: "Window"; stream: number; bytes: number }
  | { kind: "Chunk"; stream: number; part: number; total: number; last: boolean; data: Uint8Array }
  | { kind: "Define"; stream: 0; define: Define }
  | { kind: "Ping" | "Pong"; stream: 0; token: number }
  | { kind: "Reset"; stream: number; code: number; detail: string };

type FlowModel = Extract<FrameModel, { kind: "CallerFlow" | "WorkerFlow" }>;

/** Writes the frame by hand. A Chunk is not the writer's to write. */
export function writeFrame(writer: BatchWriter, frame: Exclude<FrameModel, { kind: "Chunk" }>): void {
  const { stream } = frame;
  switch (frame.kind) {
    case "Task":
      return writer.task(stream, frame.fields, whole(frame.args));
    case "Next":
      return writer.next(stream, frame.variables);
    case "Send":
    case "Throw":
    case "Return":
    case "Result":
    case "Exception":
    case "Done":
      return writer.message(stream, { ...frame, kind: FrameKind[frame.kind] }, whole(frame.dump));
    case "CallerFlow":
    case "WorkerFlow":
      return writer.message(stream, { ...frame, kind: FrameKind[frame.kind], bodyUs: 0 }, whole(frame.dump));
    case "Cancel":
      return writer.cancel(stream, whole(frame.reason));
    case "Credit":
      return writer.credit(stream, frame.count, frame.variables);
    case "Signal":
      return writer.signal(stream, frame.index, whole(frame.reason));
    case "Ack":
      return writer.ack(stream, frame.version, frame.uid);
    case "Nack":
      return writer.nack(stream, frame.nack);
    case "Parked":
      return writer.parked(stream, frame.bodyUs);
    case "Hello":
      return writer.hello(frame.hello);
    case "GoAway":
      return writer.goAway(frame.goAway);
    case "Window":
      return writer.window(stream, frame.bytes);
    case "Define":
      return writer.define(frame.define);
    case "Ping":
      return writer.ping(frame.token);
    case "Pong":
      return writer.pong(frame.token);
    case "Reset":
      return writer.reset(stream, frame.code, frame.detail);
  }
}

function whole(bytes: Uint8Array): Payload {
  return { bytes, start: 0, end: bytes.length, parts: NO_PARTS };
}

function bindResources(amounts: Amounts = new Map()): { name: string; amount: bigint }[] {
  return [...amounts].map(([name, amount]) => ({ name, amount: BigInt(amount) }));
}

/** Builds a batch of the frames with the generated bindings. */
export function bindBatch(frames: readonly FrameModel[]): Batch {
  return create(BatchSchema, { frames: frames.map(bindFrame) });
}

function bindFrame(frame: FrameModel): Frame {
  const { stream } = frame;
  switch (frame.kind) {
    case "Task": {
      const { fields } = frame;
      const value = {
        tag: fields.tag ?? "",
        callable: fields.routineRef > 0 ? new Uint8Array() : new TextEncoder().encode(fields.callable ?? ""),
        args: frame.args,
        budgetUs: BigInt(fields.budgetUs),
        routineRef: fields.routineRef,
        proxyRef: fields.proxyRef,
        flags: fields.flags,
        credit: fields.credit,
        parts: fields.parts,
        attached: fields.attached ?? false,
        trace: Object.fromEntries(fields.trace ?? []),
        callers: (fields.callers ?? []).map(({ id, routine, tag }) => ({ id, routine, tag: tag ?? "" })),
        origin: [...(fields.origin ?? [])],
        priority: fields.priority ?? 0,
        runTimeoutUs: BigInt(fields.runTimeoutUs ?? 0),
        idempotencyKey: fields.idempotencyKey ?? "",
        give: fields.give ?? "",
        take: fields.take ?? "",
        held: [...(fields.held ?? [])],
        reservation: fields.reservation ?? 0,
        ...(fields.reserve !== undefined && { reserve: fromBinary(ReserveSchema, fields.reserve) }),
        ...(fields.runtimeContext !== undefined && {
          runtimeContext: fromBinary(RuntimeContextSchema, fields.runtimeContext),
        }),
      };
      return request(stream, { case: "task", value }, fields.variables);
    }
    case "Next":
      return request(stream, { case: "next", value: {} }, frame.variables);
    case "Send":
      return request(stream, { case: "send", value: message(frame) }, frame.variables);
    case "Throw":
      return request(stream, { case: "throw", value: message(frame) }, frame.variables);
    case "Return":
      return request(stream, { case: "return", value: message(frame) }, frame.variables);
    case "CallerFlow":
      return request(stream, { case: "flow", value: bindFlow(frame) }, frame.variables);
    case "WorkerFlow":
      return response(stream, 0, { case: "flow", value: bindFlow(frame) }, frame.variables);
    case "Cancel":
      return request(stream, { case: "cancel", value: reason(frame.reason) });
    case "Credit":
      return request(stream, { case: "credit", value: frame.count }, frame.variables);
    case "Signal":
      return request(stream, {
        case: "signal",
        value: { index: frame.index, ...reason(frame.reason) },
      });
    case "Ack":
      return response(stream, 0, { case: "ack", value: { version: frame.version, uid: frame.uid } });
    case "Nack": {
      const { code, reason: text, retryAfterMs, version, exception, limit = 0 } = frame.nack;
      const value = {
        code: code as 0,
        reason: text,
        retryAfterMs: BigInt(retryAfterMs),
        version,
        limit,
        needs: bindResources(frame.nack.needs),
        free: bindResources(frame.nack.free),
        attached: frame.nack.attached ?? false,
        ...(exception === undefined ? {} : { exception: { dump: exception } }),
      };
      return response(stream, 0, { case: "nack", value });
    }
    case "Result":
      return response(stream, frame.bodyUs, { case: "result", value: message(frame) }, frame.variables);
    case "Exception":
      return response(stream, frame.bodyUs, { case: "exception", value: message(frame) }, frame.variables);
    case "Done":
      return response(stream, frame.bodyUs, { case: "done", value: message(frame) }, frame.variables);
    case "Parked":
      return response(stream, frame.bodyUs, { case: "parked", value: {} });
    case "Hello": {
      const { session, version, uid, runtime, codecs, features, limits } = frame.hello;
      const value = {
        session,
        version,
        uid,
        runtime,
        codecs: [...codecs],
        features: [...features],
        ...(Object.values(limits).some((limit) => limit > 0)
          ? {
              limits: {
                ...limits,
                maxMessage: BigInt(limits.maxMessage),
                streamWindow: BigInt(limits.streamWindow),
                connectionWindow: BigInt(limits.connectionWindow),
              },
            }
          : {}),
      };
      return create(FrameSchema, { body: { case: "hello", value } });
    }
    case "GoAway": {
      const { lastStream, code, detail, graceMs, unasked = false } = frame.goAway;
      const value = { lastStream, code: code as 0, detail, graceMs: BigInt(graceMs), unasked };
      return create(FrameSchema, { body: { case: "goaway", value } });
    }
    case "Window":
      return create(FrameSchema, { stream, body: { case: "window", value: { bytes: BigInt(frame.bytes) } } });
    case "Chunk": {
      const value = { part: frame.part, total: BigInt(frame.total), data: frame.data, last: frame.last };
      return create(FrameSchema, { stream, body: { case: "chunk", value } });
    }
    case "Define":
      return create(FrameSchema, { body: { case: "define", value: bindDefine(frame.define) } });
    case "Ping":
      return create(FrameSchema, { body: { case: "ping", value: { token: BigInt(frame.token) } } });
    case "Pong":
      return create(FrameSchema, { body: { case: "pong", value: { token: BigInt(frame.token) } } });
    case "Reset": {
      const value = { code: frame.code as 0, detail: frame.detail };
      return create(FrameSchema, { stream, body: { case: "reset", value } });
    }
  }
}

function bindFlow(frame: FlowModel): MessageInitShape<typeof FlowSchema> {
  const { index, act, number, taken, trace } = frame.flow;
  const isEmpty = frame.dump.length === 0 && frame.parts === 0 && !frame.detached && frame.attached !== true;
  return {
    index,
    act: act as 0,
    number,
    taken,
    trace: Object.fromEntries(trace ?? []),
    ...(!isEmpty && { message: message(frame) }),
  };
}

function bindDefine({ origin, tainted = false, ...define }: Define): MessageInitShape<typeof DefineSchema> {
  const bound = { ...define, tainted };
  return origin === undefined ? bound : { ...bound, origin: { ...origin } };
}

/** The reader's current frame as a model; `undefined` for Malformed and Unknown. */
export function readFrame(reader: BatchReader): FrameModel | undefined {
  const { kind, stream, task } = reader;
  const payload = Uint8Array.from(reader.bytes.subarray(reader.payload.start, reader.payload.end));
  const variables = variablesOf(reader);
  switch (kind) {
    case FrameKind.Malformed:
    case FrameKind.Unknown:
      return undefined;
    case FrameKind.Task:
      return {
        kind: "Task",
        stream,
        args: payload,
        fields: {
          routineRef: task.routineRef,
          callable: task.callable(),
          proxyRef: task.proxyRef,
          flags: task.flags,
          budgetUs: task.budgetUs,
          credit: task.credit,
          parts: task.parts,
          tag: task.tag(),
          callers: task.callers(),
          trace: task.trace(),
          origin: task.origin(),
          ...(task.priority !== 0 && { priority: task.priority }),
          ...(task.runTimeoutUs !== 0 && { runTimeoutUs: task.runTimeoutUs }),
          ...(task.idempotencyKey() !== undefined && { idempotencyKey: task.idempotencyKey() }),
          ...(task.give() !== undefined && { give: task.give() }),
          ...(task.take() !== undefined && { take: task.take() }),
          ...(task.held() !== undefined && { held: task.held() }),
          ...(task.reservation !== 0 && { reservation: task.reservation }),
          ...(task.reserve() !== undefined && {
            reserve: Uint8Array.from(encodeReserve(task.reserve() as Parameters<typeof encodeReserve>[0])),
          }),
          ...(task.runtimeContext() !== undefined && {
            runtimeContext: Uint8Array.from(
              encodeRuntimeContext(task.runtimeContext() as Parameters<typeof encodeRuntimeContext>[0]),
            ),
          }),
          ...variables,
          ...(task.attached && { attached: true }),
        },
      };
    case FrameKind.Next:
      return { kind: "Next", stream, ...variables };
    case FrameKind.Send:
      return readMessage(reader, "Send", payload);
    case FrameKind.Throw:
      return readMessage(reader, "Throw", payload);
    case FrameKind.Return:
      return readMessage(reader, "Return", payload);
    case FrameKind.CallerFlow:
      return readFlow(reader, "CallerFlow", payload);
    case FrameKind.WorkerFlow:
      return readFlow(reader, "WorkerFlow", payload);
    case FrameKind.Cancel:
      return { kind: "Cancel", stream, reason: payload };
    case FrameKind.Credit:
      return { kind: "Credit", stream, count: reader.count, ...variables };
    case FrameKind.Signal:
      return { kind: "Signal", stream, index: reader.count, reason: payload };
    case FrameKind.Ack: {
      const { version, uid } = reader.ack();
      return { kind: "Ack", stream, version, uid };
    }
    case FrameKind.Nack:
      return { kind: "Nack", stream, nack: reader.nack() };
    case FrameKind.Result:
      return readMessage(reader, "Result", payload);
    case FrameKind.Exception:
      return readMessage(reader, "Exception", payload);
    case FrameKind.Done:
      return readMessage(reader, "Done", payload);
    case FrameKind.Parked:
      return { kind: "Parked", stream, bodyUs: reader.bodyUs };
    case FrameKind.Hello:
      return { kind: "Hello", stream: 0, hello: reader.hello() };
    case FrameKind.GoAway:
      return { kind: "GoAway", stream: 0, goAway: reader.goAway() };
    case FrameKind.Window:
      return { kind: "Window", stream, bytes: reader.count };
    case FrameKind.Chunk: {
      const { part, total, last } = reader.chunk;
      return { kind: "Chunk", stream, part, total, last, data: payload };
    }
    case FrameKind.Define:
      return { kind: "Define", stream: 0, define: reader.define() };
    case FrameKind.Ping:
      return { kind: "Ping", stream: 0, token: reader.count };
    case FrameKind.Pong:
      return { kind: "Pong", stream: 0, token: reader.count };
    case FrameKind.Reset:
      return { kind: "Reset", stream, ...reader.resetInfo() };
  }
}

/** Reads every frame of a batch; one that is Malformed or Unknown is left out. */
export function readBatch(
  reader: BatchReader,
  bytes: Uint8Array,
  start: number = 0,
  end: number = bytes.length,
): FrameModel[] {
  const frames: FrameModel[] = [];
  reader.reset(bytes, start, end);
  while (reader.next()) {
    const frame = readFrame(reader);
    if (frame !== undefined) frames.push(frame);
  }
  return frames;
}

/** Any frame in the form in which it is read back: what does not travel is absent. */
export function anyFrame(): fc.Arbitrary<FrameModel> {
  const stream = uint32(1);
  const bytes = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.uint8Array({ minLength: 120, maxLength: 300, size: "max" }),
  );
  const variables = fc.option(contextChanges(), { nil: undefined });
  const messages = (["Send", "Throw", "Return", "Result", "Exception", "Done"] as const).map((kind) =>
    record({
      stream,
      dump: bytes,
      parts: uint32(),
      detached: fc.boolean(),
      attached: fc.boolean(),
      bodyUs: uint32(),
      variables,
    }).map(({ dump, bodyUs, variables, attached, ...rest }) => ({
      kind,
      ...rest,
      dump: rest.detached ? new Uint8Array(0) : dump,
      bodyUs: kind === "Result" || kind === "Exception" || kind === "Done" ? bodyUs : 0,
      ...(variables !== undefined && { variables }),
      ...(attached && { attached: true }),
    })),
  );
  const task = record({
    stream,
    args: bytes,
    routineRef: uint32(),
    callable: fc.option(text(1), { nil: undefined }),
    proxyRef: uint32(),
    flags: fc.nat(31),
    budgetUs: uint53(),
    credit: uint32(),
    parts: uint32(),
    tag: fc.option(text(1), { nil: undefined }),
    callers: fc.option(
      fc.array(record({ id: text(), routine: text(), tag: fc.option(text(1), { nil: undefined }) }), {
        minLength: 1,
        maxLength: 4,
      }),
      { nil: undefined },
    ),
    // Names out of order would be reordered by the object in which the bindings keep a map.
    trace: fc.option(
      fc
        .dictionary(fc.stringMatching(/^[a-z]{1,12}$/), text(), { minKeys: 1, maxKeys: 3 })
        .map((entries) => new Map(Object.entries(entries))),
      { nil: undefined },
    ),
    origin: fc.option(fc.array(text(), { minLength: 1, maxLength: 3 }), { nil: undefined }),
    priority: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
    runTimeoutUs: uint53(),
    idempotencyKey: fc.option(fc.stringMatching(/^[a-z0-9-]{1,40}$/), { nil: undefined }),
    held: fc.option(fc.array(text(), { minLength: 1, maxLength: 3 }), { nil: undefined }),
    reservation: uint32(),
    reserve: fc.option(
      record({ resources: amounts(1), timeMs: uint53() }).map((reserve) =>
        Uint8Array.from(encodeReserve(reserve)),
      ),
      { nil: undefined },
    ),
    runtimeContext: fc.option(runtimeContext(), { nil: undefined }),
    attached: fc.boolean(),
    variables,
  }).map(
    ({
      stream,
      args,
      priority,
      runTimeoutUs,
      idempotencyKey,
      held,
      reservation,
      reserve,
      runtimeContext,
      variables,
      attached,
      ...fields
    }) => ({
      kind: "Task" as const,
      stream,
      args: (fields.flags & TaskFlag.Detached) === 0 ? args : new Uint8Array(0),
      fields: {
        ...fields,
        callable: fields.routineRef > 0 ? undefined : fields.callable,
        ...(priority !== 0 && { priority }),
        ...(runTimeoutUs !== 0 && { runTimeoutUs }),
        ...(idempotencyKey !== undefined && { idempotencyKey }),
        ...(held !== undefined && { held }),
        ...(reservation !== 0 && { reservation }),
        ...(reserve !== undefined && { reserve }),
        ...(runtimeContext !== undefined && { runtimeContext }),
        ...(variables !== undefined && { variables }),
        ...(attached && { attached: true }),
      },
    }),
  );
  const origin = record({
    copy: text(),
    packageVersion: text(),
    scriptHash: fc.oneof(fc.constant(new Uint8Array(0)), fc.uint8Array({ minLength: 32, maxLength: 32 })),
    path: fc.stringMatching(/^\d{1,4}:\d{1,4}( \d{1,4}:\d{1,4})?$/),
  });
  const limits = record({
    maxBatch: uint32(),
    maxMessage: uint53(),
    maxStreams: uint32(),
    streamWindow: uint53(),
    connectionWindow: uint53(),
    maxDefines: uint32(),
    maxOpenMessages: uint32(),
    maxDepth: uint32(),
  });
  const hello = record({
    session: uint32(),
    version: text(),
    uid: text(),
    runtime: text(),
    codecs: fc.array(text(), { maxLength: 3 }),
    features: fc.array(uint32(), { maxLength: 5 }),
    limits,
  });
  const code = fc.nat(12);
  return fc.oneof(
    { weight: 4, arbitrary: task },
    ...messages,
    record({ kind: fc.constant("Next" as const), stream }),
    record({ kind: fc.constant("Next" as const), stream, variables: contextChanges() }),
    record({
      kind: fc.constantFrom("CallerFlow" as const, "WorkerFlow" as const),
      stream,
      flow: record({ index: uint32(), act: fc.nat(9), number: uint32(), taken: uint32() }),
      dump: bytes,
      parts: uint32(),
      detached: fc.boolean(),
      attached: fc.boolean(),
      variables,
    }).map(({ attached, variables, ...rest }) => ({
      ...rest,
      dump: rest.detached ? new Uint8Array(0) : rest.dump,
      ...(attached && { attached: true }),
      ...(variables !== undefined && { variables }),
    })),
    record({ kind: fc.constant("Cancel" as const), stream, reason: bytes }),
    record({ kind: fc.constant("Credit" as const), stream, count: uint32() }),
    record({ kind: fc.constant("Credit" as const), stream, count: uint32(), variables: contextChanges() }),
    record({ kind: fc.constant("Signal" as const), stream, index: uint32(), reason: bytes }),
    record({ kind: fc.constant("Ack" as const), stream, version: text(), uid: text() }),
    record({
      kind: fc.constant("Nack" as const),
      stream,
      nack: fc
        .record(
          {
            code,
            reason: text(),
            retryAfterMs: uint53(),
            version: text(),
            exception: fc.uint8Array({ minLength: 1, maxLength: 40 }),
            limit: fc.integer({ min: 1, max: 0xffff_ffff }),
            shortage: record({ needs: amounts(1), free: amounts(0) }),
          },
          { requiredKeys: ["code", "reason", "retryAfterMs", "version"], noNullPrototype: true },
        )
        .map(({ shortage, ...nack }) => ({ ...nack, ...shortage })),
    }),
    record({ kind: fc.constant("Parked" as const), stream, bodyUs: uint32() }),
    record({ kind: fc.constant("Hello" as const), stream: fc.constant(0 as const), hello }),
    record({
      kind: fc.constant("GoAway" as const),
      stream: fc.constant(0 as const),
      goAway: fc.record(
        {
          lastStream: uint32(),
          code,
          detail: text(),
          graceMs: uint53(),
          unasked: fc.constant(true as const),
        },
        { requiredKeys: ["lastStream", "code", "detail", "graceMs"], noNullPrototype: true },
      ),
    }),
    record({ kind: fc.constant("Window" as const), stream: uint32(), bytes: uint53() }),
    record({
      kind: fc.constant("Chunk" as const),
      stream,
      part: uint32(),
      total: uint53(),
      last: fc.boolean(),
      data: bytes,
    }),
    record({
      kind: fc.constant("Define" as const),
      stream: fc.constant(0 as const),
      define: fc.oneof(
        record({ kind: uint32(), index: uint32(), value: bytes, location: text() }),
        record({ kind: uint32(), index: uint32(), value: bytes, location: text(), origin }),
        record({
          kind: uint32(),
          index: uint32(),
          value: bytes,
          location: text(),
          tainted: fc.constant(true),
        }),
      ),
    }),
    record({
      kind: fc.constantFrom("Ping" as const, "Pong" as const),
      stream: fc.constant(0 as const),
      token: uint53(),
    }),
    record({ kind: fc.constant("Reset" as const), stream, code, detail: text() }),
  );
}

/** Changes of context variables, as they are written: without fields that are absent, in the order of their numbers. */
function contextChanges(): fc.Arbitrary<Uint8Array> {
  const change = record({
    name: text(1),
    value: fc.uint8Array({ minLength: 1, maxLength: 20 }),
    tainted: fc.boolean(),
  });
  return record({
    changes: fc.array(change, { minLength: 1, maxLength: 3 }),
    stores: fc.array(change, { maxLength: 2 }),
    branch: fc.array(text(1), { maxLength: 2 }),
    spentTokens: fc.array(text(1), { maxLength: 2 }),
  }).map((fields) => Uint8Array.from(toBinary(ContextChangesSchema, create(ContextChangesSchema, fields))));
}

/** Options of calls, as they are written; whole milliseconds come back as they were. */
function runtimeContext(): fc.Arbitrary<Uint8Array> {
  return record({
    dispatchTimeout: fc.integer({ min: 1, max: 60 }),
    timeout: fc.integer({ min: 1, max: 60 }),
    tag: text(),
  }).map(({ dispatchTimeout, timeout, tag }) =>
    Uint8Array.from(
      encodeRuntimeContext({ dispatchTimeout: dispatchTimeout * 1_000, timeout: timeout * 1_000, tag }),
    ),
  );
}

function variablesOf(reader: BatchReader): { readonly variables?: Uint8Array } {
  const variables = reader.variables();
  if (variables === undefined) return {};
  try {
    // As the bindings write them: what has come may be in another order, with unknown fields between.
    const read = fromBinary(ContextChangesSchema, variables, { readUnknownFields: false });
    return { variables: Uint8Array.from(toBinary(ContextChangesSchema, read)) };
  } catch {
    return { variables }; // they are decoded, and refused, by whoever the frame is for
  }
}

function request(stream: number, payload: RequestPayload, variables?: Uint8Array): Frame {
  return create(FrameSchema, { stream, body: { case: "request", value: { payload, ...bound(variables) } } });
}

function response(stream: number, bodyUs: number, payload: ResponsePayload, variables?: Uint8Array): Frame {
  const value = { payload, bodyUs, ...bound(variables) };
  return create(FrameSchema, { stream, body: { case: "response", value } });
}

function bound(variables: Uint8Array | undefined): { readonly variables?: ContextChanges } {
  return variables === undefined ? {} : { variables: fromBinary(ContextChangesSchema, variables) };
}

function message(frame: { dump: Uint8Array; parts: number; detached: boolean }): Message {
  return create(MessageSchema, frame.detached ? { ...frame, dump: new Uint8Array(0) } : frame);
}

function reason(dump: Uint8Array): { reason?: Message } {
  return dump.length === 0 ? {} : { reason: create(MessageSchema, { dump }) };
}

function readMessage(reader: BatchReader, kind: MessageKind, dump: Uint8Array): FrameModel {
  const { stream, bodyUs } = reader;
  const { parts, detached, attached } = reader.payload;
  return {
    kind,
    stream,
    dump,
    parts,
    detached,
    bodyUs,
    ...variablesOf(reader),
    ...(attached && { attached: true }),
  };
}

function readFlow(reader: BatchReader, kind: FlowModel["kind"], dump: Uint8Array): FrameModel {
  const { index, act, number, taken, trace } = reader.flow;
  const { parts, detached, attached } = reader.payload;
  const flow = { index, act, number, taken, ...(trace !== undefined && { trace }) };
  return {
    kind,
    stream: reader.stream,
    flow,
    dump,
    parts,
    detached,
    ...variablesOf(reader),
    ...(attached && { attached: true }),
  };
}

function uint32(min: number = 0): fc.Arbitrary<number> {
  return fc.oneof(
    fc.integer({ min, max: 200 }),
    fc.integer({ min, max: 0xffffffff }),
    fc.constantFrom(0x7f, 0x80, 0x3fff, 0x4000, 0x1fffff, 0x200000, 0x7fffffff, 0x80000000, 0xffffffff),
  );
}

function uint53(): fc.Arbitrary<number> {
  return fc.oneof(uint32(), fc.maxSafeNat(), fc.constantFrom(2 ** 35 - 1, 2 ** 35, 2 ** 49, 2 ** 53 - 1));
}

function text(minLength: number = 0): fc.Arbitrary<string> {
  return fc.oneof(
    fc.string({ minLength, maxLength: 12 }),
    fc.string({ unit: "grapheme", minLength, maxLength: 60 }),
  );
}

type FrameInit = NonNullable<Parameters<typeof create<typeof FrameSchema>>[1]>;
type Body<C extends string> =
  Extract<NonNullable<FrameInit["body"]>, { case: C }> extends { value: infer V } ? V : never;
type RequestPayload = NonNullable<Extract<Body<"request">, { $typeName?: never }>["payload"]>;
type ResponsePayload = NonNullable<Extract<Body<"response">, { $typeName?: never }>["payload"]>;

/** A record with the prototype that plain data has. */
function record<T>(fields: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<T>;
}

/** Amounts of resources, in thousandths. */
function amounts(minLength: number): fc.Arbitrary<Amounts> {
  const entry = fc.tuple(
    fc.stringMatching(/^[a-z][a-z0-9._/-]{0,20}$/),
    fc.integer({ min: 1, max: 1_000_000_000_000 }),
  );
  return fc
    .uniqueArray(entry, { selector: ([name]) => name, minLength, maxLength: 4 })
    .map((list) => new Map(list));
}
