/** What a dispatch refuses, and how its caller learns why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentTask } from "../../../../../src/context/scope.ts";
import { GrpcStatus } from "../../../../../src/transport/grpc/status-codes.ts";
import { DispatchRelay } from "../../../../../src/transport/listener/dispatch/relay.ts";
import type { Response } from "../../../../../src/wire/gen/wire_pb.ts";
import { NackCode } from "../../../../../src/wire/messages/nack-code.ts";
import { TaskFlag } from "../../../../../src/wire/task/flags.ts";
import { version } from "../../../../../src/wire/version.ts";
import {
  NEXT,
  RecordedChannel,
  RecordedSink,
  taskOf,
  useDispatch,
} from "../../../../support/dispatch-peers.ts";
import { eventually } from "../../../../support/eventually.ts";

const add = (x: number, y: number): number => x + y;

function nackOf(message: Response | undefined) {
  assert.equal(message?.payload.case, "nack");
  return message?.payload.case === "nack" ? message.payload.value : assert.fail();
}

for (const [what, fields, code] of [
  ["another major", { version: "9.0.0" }, NackCode.VERSION],
  ["a version that does not parse", { version: "unknown" }, NackCode.VERSION],
  ["no version", { version: "" }, NackCode.VERSION],
  ["another codec", { codec: "pickle" }, NackCode.CODEC],
  ["no codec", { codec: "" }, NackCode.CODEC],
  ["keyword arguments", { kwargs: Uint8Array.of(0x80) }, NackCode.BAD_PAYLOAD],
  ["a routine that the worker does not have", { callable: Buffer.from("nowhere") }, NackCode.UNKNOWN_ROUTINE],
  ["a routine by an index", { callable: Buffer.of(), routineRef: 3 }, NackCode.UNKNOWN_ROUTINE],
  ["the wrong kind", { flags: TaskFlag.Generator }, NackCode.BAD_PAYLOAD],
] as const) {
  test(`DispatchRelay answers a task with ${what} with a lone Nack that names the worker's version`, async () => {
    await using stream = useDispatch({ add });

    stream.relay.request(taskOf("add", [1, 2], fields));
    await stream.sink.ended();

    assert.equal(stream.sink.responses.length, 1);
    const nack = nackOf(stream.sink.messages[0]);
    assert.equal(nack.code, code);
    assert.equal(nack.version, version);
    assert.equal(stream.sink.code, GrpcStatus.OK);
    assert.equal(stream.worker.starts, 0);
    if (code === NackCode.VERSION) {
      assert.ok(nack.reason.includes(`'${fields.version}'`) && nack.reason.includes(`'${version}'`));
    }
  });
}

test("DispatchRelay answers with an Exception, not a Nack, what goes wrong after the Ack", async () => {
  await using stream = useDispatch({ add });

  stream.relay.request(taskOf("add", [], { args: Uint8Array.of(0x08, 0xc1) }));
  stream.relay.halfClosed();
  await stream.sink.ended();

  assert.deepEqual(stream.sink.kinds, ["ack", "exception"]);
  assert.equal((stream.sink.values[0] as { code: string }).code, "ERR_MERINO_BAD_PAYLOAD");
  assert.equal(stream.worker.starts, 0);
});

test("DispatchRelay does not repeat an endless version in its refusal", async () => {
  await using stream = useDispatch({ add });

  stream.relay.request(taskOf("add", [], { version: "x".repeat(100_000) }));
  await stream.sink.ended();

  assert.ok(nackOf(stream.sink.messages[0]).reason.length < 300);
});

for (const [what, first] of [
  ["garbage", Buffer.from("GET / HTTP/1.1")],
  ["an empty message", Buffer.of()],
  ["a step", NEXT],
  ["a Task cut off", taskOf("add", [1, 2]).subarray(0, 20)],
  ["a Task with a version that is no text", Buffer.from("0a050a03ffffff", "hex")],
] as const) {
  test(`DispatchRelay ends a stream that begins with ${what} with FAILED_PRECONDITION`, async () => {
    await using stream = useDispatch({ add });

    stream.relay.request(first);
    await stream.sink.ended();

    assert.equal(stream.sink.code, GrpcStatus.FAILED_PRECONDITION);
    assert.equal(stream.sink.responses.length, 0);
    await eventually(() => stream.carriers.server.over);
    assert.equal(stream.worker.starts, 0);
  });
}

test("DispatchRelay ends a stream without any message with FAILED_PRECONDITION", async () => {
  await using stream = useDispatch({ add });

  stream.relay.halfClosed();
  await stream.sink.ended();

  assert.equal(stream.sink.code, GrpcStatus.FAILED_PRECONDITION);
});

for (const [what, broken] of [
  ["a second Task", taskOf("add")],
  ["garbage", Buffer.from("garbage")],
  ["a request of a later version", Buffer.from("c23e00", "hex")],
  ["parts", Buffer.from("1a03a00601", "hex")],
] as const) {
  test(`DispatchRelay ends a stream with INVALID_ARGUMENT on ${what}, and its task with it`, async () => {
    let signal: AbortSignal | undefined;
    const wait = async (): Promise<void> => {
      const task = currentTask();
      signal = task?.signal;
      await new Promise<void>((resolve) => task?.signal.addEventListener("abort", () => resolve()));
    };
    await using stream = useDispatch({ wait });
    stream.relay.request(taskOf("wait"));
    stream.relay.request(NEXT);
    await eventually(() => signal !== undefined);

    stream.relay.request(broken);
    await stream.sink.ended();
    await eventually(() => stream.carriers.server.over);

    assert.equal(stream.sink.code, GrpcStatus.INVALID_ARGUMENT);
    assert.equal(signal?.aborted, true);
    assert.equal(stream.worker.tasks.inFlight, 0);
  });
}

test("DispatchRelay refuses a Task that announces parts", async () => {
  await using stream = useDispatch({ add });

  stream.relay.request(taskOf("add", [], { parts: 1 }));
  await stream.sink.ended();

  assert.equal(stream.sink.code, GrpcStatus.INVALID_ARGUMENT);
});

test("DispatchRelay bounds what waits before the worker has introduced itself", () => {
  const channel = new RecordedChannel();
  const sink = new RecordedSink();
  const relay = new DispatchRelay(channel, sink);

  relay.request(taskOf("add"));
  for (let n = 0; n < 2000; n++) relay.request(NEXT);

  assert.equal(sink.code, GrpcStatus.RESOURCE_EXHAUSTED);
  assert.equal(channel.closes, 1);
  assert.equal(channel.batches.length, 0);
});
