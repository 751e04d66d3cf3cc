/** One `dispatch` stream between a caller that speaks gRPC and a worker that speaks sessions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { currentTask } from "../../../../../src/context/scope.ts";
import type { TaskCaller } from "../../../../../src/context/task.ts";
import { createDeferred } from "../../../../../src/internal/deferred.ts";
import { GrpcStatus } from "../../../../../src/transport/grpc/status.ts";
import { DispatchRelay } from "../../../../../src/transport/listener/dispatch/relay.ts";
import { BatchReader } from "../../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../../src/wire/frame-kind.ts";
import {
  FrameSchema,
  RequestSchema,
  type Response,
  ResponseSchema,
} from "../../../../../src/wire/gen/wire_pb.ts";
import { NackCode } from "../../../../../src/wire/messages/nack-code.ts";
import { TaskFlag } from "../../../../../src/wire/task/flags.ts";
import { version, WIRE_CODEC } from "../../../../../src/wire/version.ts";
import {
  NEXT,
  RecordedChannel,
  RecordedSink,
  requestOf,
  stepOf,
  taskOf,
  useDispatch,
} from "../../../../support/dispatch-peers.ts";
import { eventually } from "../../../../support/eventually.ts";
import { batchOf, helloWith } from "../../../../support/protocol-peers.ts";
import { GOLDEN_ACK, GOLDEN_REQUESTS, GOLDEN_RESPONSES } from "./golden-messages.ts";

const GRAMMAR = { features: [1] };

function bytesOf(hex: string): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.replaceAll(/\s/g, ""), "hex"));
}

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function plain(hex: string): string {
  return hex.replaceAll(/\s/g, "");
}

/** A batch with one frame of stream 1 around a response. */
function batchAround(response: Uint8Array): Uint8Array {
  const frame = Buffer.concat([Buffer.from([0x08, 0x01, 0x1a, response.length]), response]);
  return Buffer.concat([Buffer.from([0x0a, frame.length]), frame]);
}

/** A relay whose worker is played by the test, with the Hellos exchanged and a Task sent. */
function usePlayedWorker(fields: Parameters<typeof taskOf>[2] = {}) {
  const channel = new RecordedChannel();
  const sink = new RecordedSink();
  const relay = new DispatchRelay(channel, sink);
  const play = (batch: Uint8Array): void => relay.batch(batch, 0, batch.length);
  play(batchOf((writer) => writer.hello(helloWith({ uid: "w1", session: 0 }))));
  relay.request(taskOf("a/b.ts#add", [1, 2], fields));
  return { channel, sink, relay, play };
}

const add = (x: number, y: number): number => x + y;

async function* countdown(from: number): AsyncGenerator<number, string, unknown> {
  for (let n = from; n > 0; n--) yield n;
  return "lift-off";
}

function nackOf(message: Response | undefined) {
  assert.equal(message?.payload.case, "nack");
  return message?.payload.case === "nack" ? message.payload.value : assert.fail();
}

// The record.

for (const { name, hex, message } of GOLDEN_REQUESTS) {
  test(`DispatchRelay puts ${name} into a frame byte for byte`, () => {
    const bytes = bytesOf(hex);
    const task = hex.startsWith("0a");
    const { channel, relay } = usePlayedWorker();
    const fresh = new RecordedChannel();
    const first = new DispatchRelay(fresh, new RecordedSink());
    const greeting = batchOf((writer) => writer.hello(helloWith({ uid: "w1" })));

    if (task) {
      first.request(bytes);
      first.batch(greeting, 0, greeting.length);
    } else {
      relay.request(bytes);
    }

    const sent = (task ? fresh : channel).batches.at(-1);
    assert.deepEqual(fromBinary(RequestSchema, bytes), create(RequestSchema, message));
    assert.equal(hexOf(toBinary(RequestSchema, create(RequestSchema, message))), plain(hex));
    assert.equal(hexOf(sent ?? new Uint8Array()), hexOf(batchAround(bytes)).replace(/^(.{8})1a/, "$112"));
  });
}

for (const { name, hex, message, original, whole, terminal } of GOLDEN_RESPONSES) {
  for (const [grammar, fields, expected] of [
    ["the original's grammar", {}, original],
    ["the whole grammar", GRAMMAR, whole],
  ] as const) {
    test(`DispatchRelay hands ${name} to a caller with ${grammar} byte for byte`, () => {
      const { channel, sink, play } = usePlayedWorker(fields);
      const refusal = hex.startsWith("12");

      play(batchAround(bytesOf(hex)));

      assert.equal(hexOf(toBinary(ResponseSchema, create(ResponseSchema, message))), plain(hex));
      const seen = [...(refusal ? [] : [GOLDEN_ACK.hex]), ...(expected === "" ? [] : [expected])];
      assert.deepEqual(sink.responses.map(hexOf), seen.map(plain));
      assert.deepEqual(sink.ends, terminal ? ["ok"] : []);
      assert.equal(channel.closes, terminal ? 1 : 0);
    });
  }
}

test("DispatchRelay writes the Ack as the bindings do", () => {
  assert.equal(
    hexOf(toBinary(ResponseSchema, create(ResponseSchema, GOLDEN_ACK.message))),
    plain(GOLDEN_ACK.hex),
  );
});

test("DispatchRelay introduces its caller with the version and codec of the Task and without parts", () => {
  const { channel } = usePlayedWorker({ version: "0.7.1", features: [1, 2, 99] });

  const reader = new BatchReader();
  const [hello, task] = channel.batches;
  reader.reset(hello ?? assert.fail(), 0, hello?.length ?? 0);
  reader.next();
  const frame = fromBinary(FrameSchema, (task ?? assert.fail()).subarray(2));

  const { version: stated, codecs, features } = reader.hello();
  assert.deepEqual({ stated, codecs, features }, { stated: "0.7.1", codecs: [WIRE_CODEC], features: [1] });
  assert.equal(frame.stream, 1);
  assert.equal(channel.batches.length, 2);
});

// The original's grammar, against a real task server.

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

// Refusals.

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

// A worker that goes.

test("DispatchRelay proves that a task was not started when the worker is gone before its Hello", () => {
  const channel = new RecordedChannel();
  const sink = new RecordedSink();
  const relay = new DispatchRelay(channel, sink);

  relay.request(taskOf("add", [1, 2]));
  relay.closed(new Error("the main thread has ended"));

  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && [end.code, end.metadata]),
    [[GrpcStatus.UNAVAILABLE, { "merino-not-started": "1" }]],
  );
  assert.equal(channel.batches.length, 0);
});

test("DispatchRelay does not claim that a task was not started once it has been sent", () => {
  const { sink, relay } = usePlayedWorker();

  relay.closed(undefined);

  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && [end.code, end.metadata]),
    [[GrpcStatus.UNAVAILABLE, undefined]],
  );
});

test("DispatchRelay believes a GoAway that disowns its stream", () => {
  const { sink, relay, play } = usePlayedWorker();

  play(batchOf((writer) => writer.goAway({ lastStream: 0, code: 0, detail: "", graceMs: 0 })));
  relay.closed(undefined);

  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && end.metadata),
    [{ "merino-not-started": "1" }],
  );
});

test("DispatchRelay takes no GoAway of the greeting for a word about its task", () => {
  const channel = new RecordedChannel();
  const sink = new RecordedSink();
  const relay = new DispatchRelay(channel, sink);
  const greeting = batchOf((writer) => {
    writer.goAway({ lastStream: 0, code: 0, detail: "", graceMs: 0 });
    writer.hello(helloWith());
  });

  relay.request(taskOf("add"));
  relay.batch(greeting, 0, greeting.length);
  relay.closed(undefined);

  assert.equal(sink.code, GrpcStatus.UNAVAILABLE);
  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && end.metadata),
    [undefined],
  );
});

for (const [what, batch] of [
  ["a Reset", batchOf((writer) => writer.reset(1, 0, "it broke"))],
  ["a batch that cannot be read", Buffer.from([0x0a, 0x50, 0x01])],
  ["a frame that cannot be read", Buffer.from([0x0a, 0x02, 0x08, 0x80])],
  ["a response of an unknown kind", batchAround(Buffer.from([0xc2, 0x3e, 0x00]))],
  ["a chunk", Buffer.from([0x0a, 0x04, 0x08, 0x01, 0x3a, 0x00])],
] as const) {
  test(`DispatchRelay ends a stream with INTERNAL on ${what} of the worker`, () => {
    const { channel, sink, play } = usePlayedWorker();

    play(batch);
    play(batch);

    assert.equal(sink.code, GrpcStatus.INTERNAL);
    assert.equal(sink.ends.length, 1);
    assert.equal(channel.closes, 1);
  });
}

test("DispatchRelay passes over frames of the connection, and of streams that are not its own", () => {
  const { sink, play } = usePlayedWorker();

  play(
    batchOf((writer) => {
      writer.ping(1);
      writer.window(0, 10);
      writer.parked(7, 3);
    }),
  );

  assert.deepEqual(sink.responses, []);
  assert.deepEqual(sink.ends, []);
});

test("DispatchRelay passes a later Ack on to callers with the whole grammar only", () => {
  for (const [fields, acks] of [
    [{}, 1],
    [GRAMMAR, 2],
  ] as const) {
    const { sink, play } = usePlayedWorker(fields);

    for (let n = 0; n < 2; n++) play(batchOf((writer) => writer.ack(1, version, "w1")));

    assert.deepEqual(sink.kinds, new Array(acks).fill("ack"));
  }
});

test("DispatchRelay ends each stream once and closes each channel once, whatever comes in whichever order", () => {
  const responses = GOLDEN_RESPONSES.map(({ hex }) => batchAround(bytesOf(hex)));
  const requests = GOLDEN_REQUESTS.map(({ hex }) => bytesOf(hex));
  const event = fc.oneof(
    fc
      .constantFrom(...responses)
      .map((batch) => (relay: DispatchRelay) => relay.batch(batch, 0, batch.length)),
    fc.constantFrom(...requests).map((bytes) => (relay: DispatchRelay) => relay.request(bytes)),
    fc
      .uint8Array({ maxLength: 12 })
      .map((batch) => (relay: DispatchRelay) => relay.batch(batch, 0, batch.length)),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => (relay: DispatchRelay) => relay.request(bytes)),
    fc.constant((relay: DispatchRelay) => relay.halfClosed()),
    fc.constant((relay: DispatchRelay) => relay.cancelled()),
    fc.constant((relay: DispatchRelay) => relay.closed(undefined)),
  );
  let ended = 0;
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.boolean(), (events, greeted) => {
      const channel = new RecordedChannel();
      const sink = new RecordedSink();
      const relay = new DispatchRelay(channel, sink);
      const greeting = batchOf((writer) => writer.hello(helloWith()));
      if (greeted) relay.batch(greeting, 0, greeting.length);

      for (const act of events) act(relay);

      assert.ok(sink.ends.length <= 1);
      assert.ok(channel.closes <= 1);
      ended += sink.ends.length;
      relay.closed(undefined);
      relay.cancelled();
      assert.ok(sink.ends.length <= 1);
    }),
    { numRuns: 3000 },
  );
  assert.ok(ended > 300);
});

test("DispatchRelay acts as a client that the session engine has no complaint about", async () => {
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
