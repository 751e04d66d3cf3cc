/** The generated bindings against the original network's schema, whose numbers never change. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { file_wire, Worker } from "../../../src/wire/gen/wire_pb.ts";

/** Names and numbers of the original network's messages; all below 100. */
const ORIGINAL: Readonly<Record<string, Readonly<Record<string, number>>>> = {
  Task: {
    version: 1,
    id: 2,
    caller: 3,
    tag: 4,
    proxy_id: 5,
    proxy: 6,
    callable: 7,
    args: 8,
    kwargs: 9,
    timeout: 10,
    runtime_context: 11,
  },
  TaskEnvelope: { version: 1, id: 2, caller: 3, tag: 4 },
  RuntimeContext: { dispatch_timeout: 1 },
  Message: { dump: 1 },
  Ack: { version: 1 },
  Nack: { exception: 1 },
  Void: {},
  Request: { task: 1, next: 2, send: 3, throw: 4, context: 5 },
  Response: { ack: 1, nack: 2, result: 3, exception: 4, context: 5 },
  ChainManifest: { id: 1, vars: 2 },
  ContextVar: { namespace: 1, name: 2, value: 3, spent_tokens: 4, unspent_tokens: 5 },
  WorkerMetadata: {
    uid: 1,
    address: 2,
    pid: 3,
    version: 4,
    tags: 5,
    extra: 6,
    secure: 7,
    connection: 8,
    identity: 9,
  },
  ChannelOptions: {
    max_receive_message_length: 1,
    max_send_message_length: 2,
    keepalive_time_ms: 3,
    keepalive_timeout_ms: 4,
    keepalive_permit_without_calls: 5,
    max_pings_without_data: 6,
    max_concurrent_streams: 7,
    compression: 8,
  },
  StopRequest: { timeout: 1 },
  IdleTime: { seconds: 1 },
};

test("the schema keeps the original's numbers and adds from 100 up", () => {
  for (const [name, fields] of Object.entries(ORIGINAL)) {
    const message = file_wire.messages.find((candidate) => candidate.name === name);

    const numbers = Object.fromEntries(message?.fields.map((field) => [field.name, field.number]) ?? []);
    const below100 = Object.fromEntries(Object.entries(numbers).filter(([, number]) => number < 100));
    assert.deepEqual(below100, fields, name);
  }
});

test("the schema reserves the task's retired number", () => {
  const task = file_wire.messages.find((message) => message.name === "Task");

  assert.deepEqual(
    task?.proto.reservedRange.map(({ start, end }) => [start, end]),
    [[12, 13]],
  );
});

test("the schema's service has the original's calls and three more", () => {
  const methods = Worker.methods.map(({ name, methodKind, input, output }) => [
    name,
    methodKind,
    input.name,
    output.name,
  ]);

  assert.equal(Worker.typeName, "wool.runtime.protobuf.wire.Worker");
  assert.deepEqual(methods, [
    ["dispatch", "bidi_streaming", "Request", "Response"],
    ["stop", "unary", "StopRequest", "Void"],
    ["idle", "unary", "Void", "IdleTime"],
    ["session", "bidi_streaming", "Batch", "Batch"],
    ["describe", "unary", "Void", "WorkerMetadata"],
    ["access", "unary", "AccessRequest", "AccessReport"],
  ]);
});
