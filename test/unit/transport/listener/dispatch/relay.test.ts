/** One `dispatch` stream between a caller that speaks gRPC and a worker that speaks sessions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentTask } from "../../../../../src/context/scope.ts";
import type { TaskCaller } from "../../../../../src/context/task.ts";
import { createDeferred } from "../../../../../src/internal/deferred.ts";
import { GrpcStatus } from "../../../../../src/transport/grpc/status-codes.ts";
import { DispatchRelay } from "../../../../../src/transport/listener/dispatch/relay.ts";
import { BatchReader } from "../../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../../src/wire/frame-kind.ts";
import { TaskFlag } from "../../../../../src/wire/task/flags.ts";
import { WIRE_CODEC } from "../../../../../src/wire/version.ts";
import {
  GRAMMAR,
  NEXT,
  RecordedChannel,
  RecordedSink,
  requestOf,
  stepOf,
  taskOf,
  useDispatch,
} from "../../../../support/dispatch-peers.ts";
import { eventually } from "../../../../support/eventually.ts";
import { framesOf } from "../../../../support/memory-pair.ts";
import { batchOf, helloWith } from "../../../../support/protocol-peers.ts";

const add = (x: number, y: number): number => x + y;

async function* countdown(from: number): AsyncGenerator<number, string, unknown> {
  for (let n = from; n > 0; n--) yield n;
  return "lift-off";
}

test("DispatchRelay runs a function: Ack, then its value as a Result, then the end", async () => {
  await using stream = useDispatch({ add });

  stream.relay.request(taskOf("add", [1, 2]));
  await stream.responded(1);
  const startedBeforeStep = stream.worker.starts;
  stream.relay.request(NEXT);
  await stream.sink.ended();

  assert.equal(startedBeforeStep, 0);
  assert.deepEqual(stream.sink.kinds, ["ack", "result"]);
  assert.deepEqual(stream.sink.values, [3]);
  assert.equal(stream.sink.code, GrpcStatus.OK);
  await eventually(() => stream.carriers.server.over);
});

test("DispatchRelay states version, uid, codec and features in the Ack", async () => {
  await using stream = useDispatch({ add }, { hello: helloWith({ uid: "w1", version: "0.9.0" }) });

  stream.relay.request(taskOf("add", [1, 2]));
  await stream.responded(1);

  const ack = stream.sink.messages[0]?.payload;
  assert.equal(ack?.case, "ack");
  assert.deepEqual(
    ack?.case === "ack" && [ack.value.version, ack.value.uid, ack.value.codec, ack.value.features],
    ["0.9.0", "w1", WIRE_CODEC, [1]],
  );
});

test("DispatchRelay runs a generator step by step, whatever its caller knows of its kind", async () => {
  async function* echo(): AsyncGenerator<unknown, void, unknown> {
    let heard: unknown = "ready";
    while (heard !== "stop") heard = yield heard;
  }
  for (const found of [undefined, Promise.resolve()]) {
    await using stream = useDispatch({ echo }, { ...(found !== undefined && { found }) });

    stream.relay.request(taskOf("echo"));
    await stream.responded(1);
    stream.relay.request(NEXT);
    await stream.responded(2);
    stream.relay.request(stepOf("send", "one"));
    await stream.responded(3);
    stream.relay.request(stepOf("send", "stop"));
    await stream.sink.ended();

    assert.deepEqual(stream.sink.kinds, ["ack", "result", "result"]);
    assert.deepEqual(stream.sink.values, ["ready", "one"]);
    assert.equal(stream.sink.code, GrpcStatus.OK);
  }
});

test("DispatchRelay runs a routine that is found late, with a step that came before the Ack", async () => {
  for (const [routine, values] of [
    ["add", [3]],
    ["countdown", [1]],
  ] as const) {
    const { promise, resolve } = createDeferred<void>();
    await using stream = useDispatch({ add, countdown }, { found: promise });

    stream.relay.request(taskOf(routine, [1, 2]));
    stream.relay.request(NEXT);
    await eventually(() => stream.worker.tasks.inFlight === 1);
    resolve();
    await stream.responded(2);

    assert.deepEqual(stream.sink.values, values);
    stream.relay.halfClosed();
    await stream.sink.ended();
    assert.equal(stream.sink.code, GrpcStatus.OK);
    assert.equal(stream.worker.starts, 1);
    assert.equal(stream.worker.tasks.inFlight, 0);
  }
});

test("DispatchRelay gives a caller with the whole grammar the return value of a generator", async () => {
  await using stream = useDispatch({ countdown });

  stream.relay.request(taskOf("countdown", [1], { ...GRAMMAR, flags: TaskFlag.Generator }));
  stream.relay.request(NEXT);
  stream.relay.request(NEXT);
  await stream.sink.ended();

  assert.deepEqual(stream.sink.kinds, ["ack", "result", "done"]);
  assert.deepEqual(stream.sink.values, [1, "lift-off"]);
});

test("DispatchRelay takes return and answers with done after the finally blocks", async () => {
  const log: string[] = [];
  async function* guarded(): AsyncGenerator<number, void, unknown> {
    try {
      yield 1;
    } finally {
      log.push("finally");
    }
  }
  await using stream = useDispatch({ guarded });

  stream.relay.request(taskOf("guarded", [], { ...GRAMMAR, flags: TaskFlag.Generator }));
  stream.relay.request(NEXT);
  await stream.responded(2);
  stream.relay.request(stepOf("return", "bye"));
  await stream.sink.ended();

  assert.deepEqual(log, ["finally"]);
  assert.deepEqual(stream.sink.values, [1, "bye"]);
});

test("DispatchRelay hands over what a body throws as an Exception, with status OK", async () => {
  await using stream = useDispatch({
    fail: () => {
      throw new TypeError("no");
    },
  });

  stream.relay.request(taskOf("fail"));
  stream.relay.request(NEXT);
  await stream.sink.ended();

  assert.deepEqual(stream.sink.kinds, ["ack", "exception"]);
  assert.ok(stream.sink.values[0] instanceof TypeError);
  assert.equal(stream.sink.code, GrpcStatus.OK);
});

test("DispatchRelay puts the Ack before an answer that implies it", async () => {
  await using stream = useDispatch({ add });

  stream.relay.request(taskOf("add", [1, 2], { flags: TaskFlag.NextImplied }));
  await stream.sink.ended();

  assert.deepEqual(stream.sink.kinds, ["ack", "result"]);
});

test("DispatchRelay asks for the step that a caller half-closes without", async () => {
  await using stream = useDispatch({ add });

  stream.relay.request(taskOf("add", [1, 2]));
  stream.relay.halfClosed();
  await stream.sink.ended();

  assert.deepEqual(stream.sink.kinds, ["ack", "result"]);
  assert.equal(stream.worker.starts, 1);
});

test("DispatchRelay closes a generator whose caller half-closes after its last answer", async () => {
  const log: string[] = [];
  async function* guarded(): AsyncGenerator<number, void, unknown> {
    try {
      yield 1;
      yield 2;
    } finally {
      log.push("finally");
    }
  }
  await using stream = useDispatch({ guarded });

  stream.relay.request(taskOf("guarded"));
  stream.relay.request(NEXT);
  stream.relay.halfClosed();
  await stream.sink.ended();

  assert.deepEqual(stream.sink.kinds, ["ack", "result"]);
  assert.equal(stream.sink.code, GrpcStatus.OK);
  assert.deepEqual(log, ["finally"]);
});

test("DispatchRelay cancels the task of a caller that is gone and keeps its place until it has ended", async () => {
  let signal: AbortSignal | undefined;
  let release: (() => void) | undefined;
  const wait = async (): Promise<void> => {
    signal = currentTask()?.signal;
    await new Promise<void>((resolve) => {
      release = resolve;
    });
  };
  await using stream = useDispatch({ wait });
  stream.relay.request(taskOf("wait"));
  stream.relay.request(NEXT);
  await eventually(() => signal !== undefined && stream.sink.kinds.length > 0);

  stream.relay.cancelled();
  await eventually(() => signal?.aborted === true);
  const inFlight = stream.worker.tasks.inFlight;
  release?.();
  await eventually(() => stream.carriers.server.over);

  assert.equal(inFlight, 1);
  assert.equal(stream.worker.tasks.inFlight, 0);
  assert.deepEqual(stream.sink.kinds, ["ack"]);
  assert.deepEqual(stream.sink.ends, []);
});

test("DispatchRelay honours id, caller and tag of a foreign task", async () => {
  let seen: { id: string; caller: TaskCaller | undefined; tag: string | undefined } | undefined;
  await using stream = useDispatch({
    look: () => {
      const task = currentTask();
      if (task !== undefined) seen = { id: task.id, caller: task.caller, tag: task.tag };
    },
  });

  stream.relay.request(taskOf("look", [], { id: "task-7", caller: "task-6", tag: "vip" }));
  stream.relay.halfClosed();
  await stream.sink.ended();

  assert.equal(seen?.id, "task-7");
  assert.equal(seen?.caller?.id, "task-6");
  assert.equal(seen?.tag, "vip");
});

test("DispatchRelay gives a task its budget from the timeout in seconds", async () => {
  let leftMs: number | undefined;
  await using stream = useDispatch({
    look: () => {
      const deadline = currentTask()?.deadline;
      if (deadline !== undefined) leftMs = deadline - performance.now();
    },
  });

  stream.relay.request(taskOf("look", [], { timeout: 3600 }));
  stream.relay.halfClosed();
  await stream.sink.ended();

  assert.ok(leftMs !== undefined && leftMs > 3_000_000 && leftMs <= 3_600_000, String(leftMs));
});

test("DispatchRelay hands over 10 MB of binary as one dump, in values and in errors", async () => {
  const big = Buffer.alloc(10_000_000, 7);
  await using returned = useDispatch({ big: () => ({ big }) });
  await using thrown = useDispatch({
    big: () => {
      throw Object.assign(new Error("big"), { big });
    },
  });

  for (const stream of [returned, thrown]) {
    stream.relay.request(taskOf("big", [], { features: [1, 2] }));
    stream.relay.halfClosed();
    await stream.sink.ended();

    const [value] = stream.sink.values as [{ big: Buffer }];
    assert.ok(big.equals(value.big));
    assert.equal(stream.sink.responses.length, 2);
  }
});

test("DispatchRelay takes arguments of 10 MB in one message", async () => {
  await using stream = useDispatch({ size: (text: string) => text.length });

  stream.relay.request(taskOf("size", ["x".repeat(10_000_000)]));
  stream.relay.halfClosed();
  await stream.sink.ended();

  assert.deepEqual(stream.sink.values, [10_000_000]);
});

test("DispatchRelay keeps a long stream going beyond the worker's window", async () => {
  async function* chunks(): AsyncGenerator<Buffer, void, unknown> {
    for (let n = 0; n < 40; n++) yield Buffer.alloc(400_000, n);
  }
  await using stream = useDispatch({ chunks });

  stream.relay.request(taskOf("chunks"));
  for (let n = 0; n < 41; n++) {
    stream.relay.request(NEXT);
    await eventually(
      () => stream.sink.responses.length >= Math.min(41, n + 2) || stream.sink.ends.length > 0,
    );
  }
  await stream.sink.ended();

  assert.equal(stream.sink.responses.length, 41);
  assert.equal(stream.sink.code, GrpcStatus.OK);
});

test("DispatchRelay acts as a client that the session engine finds no fault with", async () => {
  await using stream = useDispatch({ countdown });
  const kinds = new Set<FrameKind>();

  stream.relay.request(taskOf("countdown", [2]));
  stream.relay.request(NEXT);
  await stream.responded(2);
  stream.relay.request(stepOf("throw", new Error("enough")));
  await stream.sink.ended();

  const reader = new BatchReader();
  for (const batch of stream.carriers.server.sent) {
    reader.reset(batch, 0, batch.length);
    while (reader.next()) kinds.add(reader.kind);
  }
  assert.ok(!kinds.has(FrameKind.Reset) && !kinds.has(FrameKind.GoAway));
  assert.deepEqual(stream.sink.kinds, ["ack", "result", "exception"]);
});

test("DispatchRelay lets a caller cancel by a message and answers with one terminal frame", async () => {
  const wait = (): Promise<void> =>
    new Promise((_resolve, reject) => {
      const signal = currentTask()?.signal;
      signal?.addEventListener("abort", () => reject(signal.reason));
    });
  await using stream = useDispatch({ wait });

  stream.relay.request(taskOf("wait", [], GRAMMAR));
  stream.relay.request(NEXT);
  await eventually(() => stream.worker.starts === 1);
  stream.relay.request(requestOf({ payload: { case: "cancel", value: {} } }));
  await stream.sink.ended();

  assert.deepEqual(stream.sink.kinds, ["ack", "exception"]);
});

test("DispatchRelay hands requests that come together to the worker in one batch, before its Hello and after", async () => {
  const channel = new RecordedChannel();
  const relay = new DispatchRelay(channel, new RecordedSink());
  const greeting = batchOf((writer) => writer.hello(helloWith({ uid: "w1" })));
  const kinds = (): number[][] => channel.batches.map((batch) => framesOf([batch]).map(({ kind }) => kind));

  relay.request(taskOf("countdown", [9]));
  for (let n = 0; n < 60; n++) relay.request(NEXT);
  relay.batch(greeting, 0, greeting.length);
  const early = kinds();
  for (let n = 0; n < 60; n++) relay.request(NEXT);
  relay.request(requestOf({ payload: { case: "cancel", value: {} } }));
  await Promise.resolve();
  const later = kinds().slice(early.length);

  const steps = Array.from({ length: 60 }, () => FrameKind.Next);
  assert.deepEqual(early, [[FrameKind.Hello], [FrameKind.Task, ...steps]]);
  assert.deepEqual(later, [[...steps, FrameKind.Cancel]]);
});

test("DispatchRelay copies no long request into a batch with others", () => {
  const channel = new RecordedChannel();
  const relay = new DispatchRelay(channel, new RecordedSink());
  const greeting = batchOf((writer) => writer.hello(helloWith({ uid: "w1" })));

  relay.request(taskOf("echo", ["x".repeat(100_000)]));
  for (const text of ["a", "b", "c"]) relay.request(stepOf("send", text.repeat(30_000)));
  relay.batch(greeting, 0, greeting.length);

  assert.deepEqual(
    channel.batches.map((batch) => framesOf([batch]).length),
    [1, 1, 2, 1],
  );
});
