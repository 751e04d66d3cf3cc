/** Large messages: chunks that interleave, windows that bound what is under way, and transfers that are stopped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CHUNK_SIZE, LOCAL_CHUNK_SIZE } from "../../../src/session/limits.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../support/eventually.ts";
import { framesOf } from "../../support/memory-pair.ts";
import { connect, helloWith, payloadOf } from "../../support/protocol-peers.ts";

const MIB = 1024 * 1024;

const bodies = {
  add: (a: number, b: number): number => a + b,
  size: (value: Uint8Array | string): number => value.length,
  echo: (value: unknown): unknown => value,
  bytes: (length: number, fill: number): Uint8Array => new Uint8Array(length).fill(fill),
};

function chunksOf(batches: readonly Uint8Array[], stream?: number): number {
  return framesOf(batches).filter(
    (frame) => frame.kind === FrameKind.Chunk && (stream === undefined || frame.stream === stream),
  ).length;
}

for (const length of [
  0,
  1,
  CHUNK_SIZE - 20,
  CHUNK_SIZE - 1,
  CHUNK_SIZE,
  CHUNK_SIZE + 1,
  3 * CHUNK_SIZE,
  3 * CHUNK_SIZE + 7,
]) {
  test(`Session carries a text and a binary part of ${length} bytes there and back`, async () => {
    await using pair = await connect(bodies);
    const value = ["x".repeat(length), new Uint8Array(length).fill(7), "end"];

    const echoed = await pair.client.call("echo", [value]).value();

    assert.deepEqual(echoed, value);
  });
}

test("Session keeps nothing of a batch whose memory its carrier uses again", async () => {
  const bytes = new Uint8Array(200_000).fill(5);
  async function* relay(): AsyncGenerator<unknown, string, unknown> {
    let value: unknown;
    for (;;) value = yield value;
  }
  await using pair = await connect({ ...bodies, relay }, { volatile: true });
  const { client } = pair;
  const values = ["text", new Uint8Array(40).fill(4), { list: [1, 2, 3] }, bytes];

  // Several of one batch: each waits for its turn while the memory is already spoilt.
  const calls = values.map((value) => client.call("echo", [value]));
  const echoed = await Promise.all(calls.map((call) => call.value()));
  const stream = client.call("relay", [], { generator: true });
  for (const value of values) client.session.send(stream.stream, payloadOf(value));
  await stream.yielded(values.length + 1);
  client.session.cancel(stream.stream, payloadOf(new Error("enough")));
  const outcome = await stream.outcome;

  assert.deepEqual(echoed, values);
  assert.deepEqual(stream.values, [undefined, ...values]);
  assert.equal(
    outcome.kind === "exception" && outcome.error instanceof Error && outcome.error.message,
    "enough",
  );
});

test("Session carries frames that arrive one by one", async () => {
  await using pair = await connect(bodies);
  pair.carriers.client.split = true;
  pair.carriers.server.split = true;
  const value = new Uint8Array(200_000).fill(3);

  const [sum, echoed] = await Promise.all([
    pair.client.call("add", [1, 2]).value(),
    pair.client.call("echo", [value]).value(),
  ]);

  assert.equal(sum, 3);
  assert.deepEqual(echoed, value);
});

test("Session lets small calls pass while an argument of 50 MiB is on its way", async () => {
  await using pair = await connect(bodies);
  const { client } = pair;
  const order: string[] = [];

  const large = client.call("size", [new Uint8Array(50 * MIB)]);
  const largeEnded = large.outcome.then(() => order.push("large"));
  const small = client.call("add", [1, 2]);
  await small.value();
  order.push("small");
  const later = client.call("add", [3, 4]);
  await later.value();
  order.push("later");

  await largeEnded;

  assert.equal(await large.value(), 50 * MIB);
  assert.deepEqual(order, ["small", "later", "large"]);
});

test("Session lets transfers share the connection chunk by chunk", async () => {
  await using pair = await connect(bodies);
  const { client, carriers } = pair;

  const calls = [12, 12, 12].map((chunks) =>
    client.call("size", [new Uint8Array(chunks * LOCAL_CHUNK_SIZE)]),
  );
  await Promise.all(calls.map((call) => call.value()));

  const chunks = framesOf(carriers.client.sent).filter((frame) => frame.kind === FrameKind.Chunk);
  const firstThirty = chunks.slice(0, 30).map((frame) => frame.stream);
  assert.deepEqual(
    calls.map((call) => firstThirty.filter((stream) => stream === call.stream).length),
    [10, 10, 10],
  );
});

test("Session keeps what is on its way within the peer's window and one message", async () => {
  const connectionWindow = MIB;
  await using pair = await connect(bodies, { hello: helloWith({ limits: { connectionWindow } }) });
  const { client, carriers } = pair;
  carriers.client.pause();
  const before = carriers.client.sentBytes;

  const call = client.call("size", [new Uint8Array(20 * MIB)]);
  await eventually(() => carriers.client.sentBytes - before >= connectionWindow);
  const other = client.call("size", [new Uint8Array(20 * MIB)]);
  await eventually(() => framesOf(carriers.client.sent).some((frame) => frame.stream === other.stream));
  const inFlight = carriers.client.sentBytes - before;
  const congested = client.session.connection.congested;
  carriers.client.resume();
  const sizes = await Promise.all([call.value(), other.value()]);

  assert.ok(inFlight <= connectionWindow + 2 * CHUNK_SIZE, `${inFlight} bytes`);
  assert.equal(congested, true);
  assert.deepEqual(sizes, [20 * MIB, 20 * MIB]);
  assert.equal(client.session.connection.congested, false);
});

test("Session carries a message that is larger than the peer's window", async () => {
  const limits = { connectionWindow: 1 };
  await using pair = await connect(bodies, {
    hello: helloWith({ limits }),
    clientHello: helloWith({ limits }),
  });

  const echoed = await pair.client.call("echo", [new Uint8Array(300_000).fill(9)]).value();

  assert.deepEqual(echoed, new Uint8Array(300_000).fill(9));
});

test("Session holds bulk back while the carrier is congested, and small frames not", async () => {
  await using pair = await connect(bodies);
  const { client, carriers } = pair;
  carriers.client.congested = true;

  const large = client.call("size", [new Uint8Array(5 * MIB)]);
  const small = await client.call("add", [1, 2]).value();
  const before = chunksOf(carriers.client.sent);
  carriers.client.congested = false;
  const size = await large.value();

  assert.equal(small, 3);
  assert.ok(before <= 1, `${before} chunks`);
  assert.equal(size, 5 * MIB);
});

test("Session sends a head before its chunks when there is room again in the same turn", async () => {
  await using pair = await connect(bodies);
  const { client, carriers } = pair;
  carriers.client.congested = true;
  await client.call("add", [1, 2]).value();

  // The head is written, and has not left, when the carrier says that it takes more.
  const large = client.call("size", [new Uint8Array(MIB)]);
  carriers.client.congested = false;

  assert.equal(await large.value(), MIB);
});

test("Session keeps the order of a stream whose values are large and small and run ahead", async () => {
  const sizes = [300_000, 1, 200_000, 70_000, 2, 3, 500_000, 4];
  async function* stream(): AsyncGenerator<Uint8Array, string> {
    for (const size of sizes) yield new Uint8Array(size);
    return "end";
  }
  await using pair = await connect({ stream });

  const call = pair.client.call("stream", [], { generator: true, credit: 100 });
  // The stream's window is full by then: the generator goes on when some of the values have been taken.
  await call.yielded(7);
  pair.client.session.credit(call.stream, 3);

  assert.equal(await call.value(), "end");
  assert.deepEqual(
    call.values.map((value) => (value instanceof Uint8Array ? value.length : value)),
    sizes,
  );
});

test("Session keeps the order of large values sent to a generator", async () => {
  async function* lengths(): AsyncGenerator<number, string, Uint8Array> {
    let last = 0;
    for (;;) {
      const value = yield last;
      if (value === undefined) return "end";
      last = value.length;
    }
  }
  await using pair = await connect({ lengths });
  const { client } = pair;
  const call = client.call("lengths", [], { generator: true });

  client.session.send(call.stream, payloadOf(new Uint8Array(300_000)));
  client.session.send(call.stream, payloadOf(new Uint8Array(5)));
  client.session.send(call.stream, payloadOf(new Uint8Array(400_000)));
  client.session.next(call.stream);

  assert.equal(await call.value(), "end");
  assert.deepEqual(call.values, [0, 300_000, 5, 400_000]);
});

test("Session stops the chunks of a task that is refused by its head", async () => {
  await using pair = await connect(bodies);
  const { client, carriers, worker } = pair;
  carriers.server.pause();

  const call = client.call("no-such-routine", [new Uint8Array(60 * MIB)]);
  await eventually(() => framesOf(carriers.server.sent).some((frame) => frame.kind === FrameKind.Nack));
  carriers.server.resume();
  const outcome = await call.outcome;
  const sum = await client.call("add", [1, 2]).value();

  assert.equal(outcome.kind === "refused" && outcome.nack.code, NackCode.UNKNOWN_ROUTINE);
  assert.ok(chunksOf(carriers.client.sent, call.stream) < (60 * MIB) / CHUNK_SIZE / 2);
  assert.equal(sum, 3);
  assert.equal(worker.starts, 1);
});

test("Session bears more refused and cancelled large tasks than messages may be open", async () => {
  const limits = { maxOpenMessages: 4, connectionWindow: MIB };
  await using pair = await connect(bodies, {
    hello: helloWith({ limits }),
    clientHello: helloWith({ limits }),
  });
  const { client, carriers } = pair;

  for (let round = 0; round < 10; round++) {
    carriers.client.pause();
    const refused = client.call("no-such-routine", [new Uint8Array(3 * MIB)]);
    const cancelled = client.call("size", [new Uint8Array(3 * MIB)]);
    await eventually(() => client.session.connection.congested);
    client.session.cancel(cancelled.stream, payloadOf(undefined));
    carriers.client.resume();
    const outcomes = [await refused.outcome, await cancelled.outcome];
    assert.deepEqual(
      outcomes.map((outcome) => outcome.kind),
      ["refused", "refused"],
    );
  }

  assert.equal(await client.call("add", [1, 2]).value(), 3);
});

test("Session sends at most maxOpenMessages at a time, in either direction", async () => {
  const limits = { maxOpenMessages: 3 };
  await using pair = await connect(bodies, {
    hello: helloWith({ limits }),
    clientHello: helloWith({ limits }),
  });
  const { client } = pair;
  const numbers = Array.from({ length: 40 }, (_, at) => at + 1);

  const calls = numbers.map((n) => client.call("echo", [new Uint8Array(100_000).fill(n)]));
  const values = await Promise.all(calls.map((call) => call.value()));

  assert.deepEqual(
    values.map((value) => value instanceof Uint8Array && value.length === 100_000 && value[99_999]),
    numbers,
  );
});

test("ClientSession stops sending the arguments of a task that it cancels, and the body never runs", async () => {
  await using pair = await connect(bodies, { hello: helloWith({ limits: { connectionWindow: MIB } }) });
  const { client, carriers, worker } = pair;

  const call = client.call("size", [new Uint8Array(60 * MIB)]);
  await eventually(() => chunksOf(carriers.client.sent) > 0);
  client.session.cancel(call.stream, payloadOf(new Error("no longer wanted")));
  const outcome = await call.outcome;
  const sum = await client.call("add", [1, 2]).value();

  assert.equal(outcome.kind === "refused" && outcome.nack.code, NackCode.EXPIRED);
  assert.ok(chunksOf(carriers.client.sent, call.stream) < (60 * MIB) / CHUNK_SIZE);
  assert.equal(sum, 3);
  assert.equal(worker.starts, 1);
});

test("ClientSession gets the terminal frame of a call that it cancels while the result is on its way", async () => {
  await using pair = await connect(bodies, {
    clientHello: helloWith({ limits: { connectionWindow: 256 * 1024 } }),
  });
  const { client, carriers } = pair;
  carriers.server.pause();

  const call = client.call("bytes", [5 * MIB, 1]);
  await eventually(() => chunksOf(carriers.server.sent) >= 1);
  // The worker learns of it when the client has some of the chunks, and waits for room to send more.
  carriers.server.resume();
  client.session.cancel(call.stream, payloadOf(undefined));
  const outcome = await call.outcome;

  assert.equal(outcome.kind, "done");
  assert.equal(client.session.inFlight, 0);
  assert.equal(call.outcomes.length, 1);
});

test("ClientSession gets the terminal frame of a generator that it cancels while a value is on its way", async () => {
  async function* stream(): AsyncGenerator<Uint8Array> {
    for (;;) yield new Uint8Array(2 * MIB);
  }
  await using pair = await connect(
    { stream },
    { clientHello: helloWith({ limits: { connectionWindow: 256 * 1024 } }) },
  );
  const { client, carriers } = pair;
  carriers.server.pause();

  const call = client.call("stream", [], { generator: true });
  await eventually(() => chunksOf(carriers.server.sent) >= 1);
  carriers.server.resume();
  client.session.cancel(call.stream, payloadOf(undefined));
  const outcome = await call.outcome;

  assert.ok(outcome.kind === "done" || outcome.kind === "exception", outcome.kind);
  assert.equal(call.outcomes.length, 1);
});

test("ServerSession forgets a large value that reaches a generator after its end", async () => {
  async function* brief(): AsyncGenerator<number> {
    yield 1;
  }
  const limits = { maxOpenMessages: 2, connectionWindow: 200_000 };
  await using pair = await connect({ ...bodies, brief }, { hello: helloWith({ limits }) });
  const { client, carriers } = pair;

  for (let round = 0; round < 6; round++) {
    const call = client.call("brief", [], { generator: true });
    await call.yielded(1);
    carriers.server.pause();
    client.session.next(call.stream);
    client.session.send(call.stream, payloadOf(new Uint8Array(MIB)));
    await eventually(() => client.session.connection.congested);
    carriers.server.resume();
    const outcome = await call.outcome;
    assert.equal(outcome.kind, "done");
  }

  assert.equal(await client.call("size", [new Uint8Array(300_000)]).value(), 300_000);
});

test("ClientSession tells of tasks that were with the carrier when the connection ended that they may have started", async () => {
  await using pair = await connect(bodies);
  const { client, carriers } = pair;

  const left = client.call("add", [1, 2]);
  carriers.client.pause();
  await eventually(() => framesOf(carriers.client.sent).some((frame) => frame.stream === left.stream));
  const written = client.call("add", [3, 4]);
  carriers.client.cut();
  const outcomes = [await left.outcome, await written.outcome];

  assert.deepEqual(
    outcomes.map((outcome) => outcome.kind === "lost" && outcome.started),
    [true, false],
  );
});

test("ClientSession counts a task as sent that leaves with its farewell", async () => {
  await using pair = await connect(bodies);
  const { client, worker } = pair;

  const call = client.call("add", [1, 2]);
  client.session.connection.close();
  const outcome = await call.outcome;
  await eventually(() => worker.starts === 1);

  assert.equal(outcome.kind === "lost" && outcome.started, true);
});
