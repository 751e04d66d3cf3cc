/** What a peer's fault ends: a frame's own stream where the boundary is intact, else the connection, never more. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { NO_PAYLOAD, type Payload } from "../../../src/wire/payload.ts";
import { eventually } from "../../support/eventually.ts";
import { chunk, largeTask, rawClient, rawWorker } from "../../support/hostile/raw-peers.ts";
import { framesOf } from "../../support/memory-pair.ts";
import {
  batchOf,
  connect,
  headOf,
  helloWith,
  messageHead,
  payloadOf,
  TestWorker,
} from "../../support/protocol-peers.ts";

const bodies = {
  add: (a: number, b: number): number => a + b,
  wait: (): Promise<never> => new Promise(() => {}),
  size: (value: Uint8Array): number => value.length,
};

function task(writer: BatchWriter, stream: number, id: string, args: Payload = payloadOf([1, 2])): void {
  writer.task(stream, headOf({ callable: id }), args);
}

/** A frame of a stream whose body is broken, with an intact boundary. */
function malformed(stream: number): Uint8Array {
  // Frame { stream, request: <three bytes that are no Request> }
  return Uint8Array.of(0x0a, 0x07, 0x08, stream, 0x12, 0x03, 0x0a, 0x7f, 0x01);
}

/** A frame of a stream with a body that this version does not know. */
function unknown(stream: number): Uint8Array {
  return Uint8Array.of(0x0a, 0x06, 0x08, stream, 0xa2, 0x06, 0x01, 0x00);
}

for (const { title, frames } of [
  { title: "a malformed frame", frames: [malformed(1)] },
  { title: "a frame of an unknown kind", frames: [unknown(1)] },
  {
    title: "a response",
    frames: [batchOf((writer) => writer.message(1, messageHead(FrameKind.Done), NO_PAYLOAD))],
  },
  { title: "a parked", frames: [batchOf((writer) => writer.parked(1, 0))] },
  {
    title: "a detached message without parts",
    frames: [
      batchOf((writer) => writer.message(1, messageHead(FrameKind.Send, { detached: true }), NO_PAYLOAD)),
    ],
  },
  {
    title: "a message begun before the parts of the last one had come",
    frames: [
      batchOf((writer) =>
        writer.message(1, messageHead(FrameKind.Send, { parts: 1, detached: true }), NO_PAYLOAD),
      ),
      batchOf((writer) => writer.message(1, messageHead(FrameKind.Send), NO_PAYLOAD)),
    ],
  },
]) {
  test(`ServerSession resets only the stream on which a client sends ${title}`, async () => {
    const worker = new TestWorker(bodies);
    const client = await rawClient(worker);
    client.inject(
      batchOf((writer) => {
        task(writer, 1, "wait");
        task(writer, 2, "wait");
      }),
    );
    await eventually(() => worker.starts === 2);

    for (const frame of frames) client.inject(frame);
    client.inject(batchOf((writer) => task(writer, 3, "add")));
    await eventually(() =>
      client.replies().some(({ kind, stream }) => kind === FrameKind.Done && stream === 3),
    );

    const resets = client.replies().filter(({ kind }) => kind === FrameKind.Reset);
    assert.deepEqual(
      resets.map(({ stream }) => stream),
      [1],
    );
    assert.equal(client.over, false);
    assert.equal(worker.tasks.inFlight, 1);
    client.cut();
    await eventually(() => worker.tasks.inFlight === 0);
  });
}

for (const { title, frames } of [
  { title: "of another part than the next", frames: [chunk(1, { part: 1, total: 10, data: 5 })] },
  { title: "beyond the part's length", frames: [chunk(1, { total: 10, data: 11 })] },
  { title: "short of the part's length", frames: [chunk(1, { total: 10, data: 9, last: true })] },
  {
    title: "of another length than the part's first",
    frames: [chunk(1, { total: 10, data: 5 }), chunk(1, { total: 11, data: 1 })],
  },
  { title: "that is empty and not the last", frames: [chunk(1, { total: 10, data: 0 })] },
  { title: "of a message beyond maxMessage", frames: [chunk(1, { total: 2 ** 40, data: 5 })] },
]) {
  test(`ServerSession resets only the stream of a chunk ${title}`, async () => {
    const worker = new TestWorker(bodies);
    const client = await rawClient(worker);
    client.inject(largeTask(1));

    for (const frame of frames) client.inject(frame);
    client.inject(batchOf((writer) => task(writer, 2, "add")));
    await eventually(() =>
      client.replies().some(({ kind, stream }) => kind === FrameKind.Done && stream === 2),
    );

    assert.deepEqual(
      client
        .replies()
        .filter(({ kind }) => kind === FrameKind.Reset)
        .map(({ stream }) => stream),
      [1],
    );
    assert.equal(worker.starts, 1);
    assert.equal(worker.tasks.inFlight, 0);
    client.cut();
  });
}

test("ServerSession answers a malformed task, so that its call does not wait for ever", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);

  client.inject(malformed(5));
  await eventually(() => client.replies().some(({ kind }) => kind === FrameKind.Reset));

  assert.equal(client.replies().at(-1)?.stream, 5);
  assert.equal(client.over, false);
  client.cut();
});

for (const { title, write } of [
  {
    title: "a second task on a stream in use",
    write: (writer: BatchWriter): void => task(writer, 1, "wait"),
  },
  { title: "a task on stream 0", write: (writer: BatchWriter): void => task(writer, 0, "add") },
  { title: "a step on a stream that was never opened", write: (writer: BatchWriter): void => writer.next(9) },
  {
    title: "a message on a stream that was never opened",
    write: (writer: BatchWriter): void => writer.message(9, messageHead(FrameKind.Send), NO_PAYLOAD),
  },
  {
    title: "a second definition of an index",
    write: (writer: BatchWriter): void => {
      for (let count = 0; count < 2; count++)
        writer.define({ kind: 1, index: 1, value: Buffer.from("add"), location: "" });
    },
  },
  {
    title: "a definition beyond the limit",
    write: (writer: BatchWriter): void =>
      writer.define({ kind: 1, index: 65_537, value: new Uint8Array(0), location: "" }),
  },
  {
    title: "more room than it was ever given",
    write: (writer: BatchWriter): void => writer.window(0, 2 ** 50),
  },
]) {
  test(`ServerSession ends the connection on ${title}, and no other`, async () => {
    const worker = new TestWorker(bodies);
    const client = await rawClient(worker);
    const neighbour = await rawClient(worker);
    client.inject(batchOf((writer) => task(writer, 1, "wait")));
    await eventually(() => worker.starts === 1);

    client.inject(batchOf(write));
    await eventually(() => client.over);
    neighbour.inject(batchOf((writer) => task(writer, 1, "add")));
    await eventually(() => neighbour.replies().some(({ kind }) => kind === FrameKind.Done));

    assert.equal(client.replies().at(-1)?.kind, FrameKind.GoAway);
    assert.equal(neighbour.over, false);
    assert.equal(worker.tasks.inFlight, 0);
    neighbour.cut();
  });
}

test("ServerSession ends the connection when the boundary between frames is lost", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);
  client.inject(batchOf((writer) => task(writer, 1, "wait")));
  await eventually(() => worker.starts === 1);

  client.inject(Uint8Array.of(0x0a, 0x7f, 0x01));
  await eventually(() => client.over);

  assert.equal(client.replies().at(-1)?.kind, FrameKind.GoAway);
  assert.equal(worker.tasks.inFlight, 0);
});

test("ServerSession ends the connection on more unfinished messages than it allows", async () => {
  const worker = new TestWorker(bodies, { hello: helloWith({ limits: { maxOpenMessages: 2 } }) });
  const client = await rawClient(worker);

  for (const stream of [1, 2, 3]) {
    client.inject(largeTask(stream));
    client.inject(chunk(stream, { total: 10, data: 5 }));
  }
  await eventually(() => client.over);

  assert.equal(client.replies().at(-1)?.kind, FrameKind.GoAway);
  assert.equal(worker.tasks.inFlight, 0);
  assert.equal(worker.starts, 0);
});

test("ServerSession drops late frames of a client", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);
  client.inject(batchOf((writer) => task(writer, 1, "add")));
  await eventually(() => client.replies().some(({ kind }) => kind === FrameKind.Done));
  const before = client.replies().length;

  client.inject(
    batchOf((writer) => {
      writer.next(1);
      writer.message(1, messageHead(FrameKind.Send), NO_PAYLOAD);
      writer.cancel(1, NO_PAYLOAD);
      writer.credit(1, 5);
      writer.signal(1, 0, NO_PAYLOAD);
      writer.reset(1, 0, "");
      writer.ping(7);
    }),
  );
  client.inject(chunk(1, { total: 10, data: 5 }));
  client.inject(batchOf((writer) => task(writer, 2, "add")));
  await eventually(() => client.replies().some(({ stream }) => stream === 2));

  assert.deepEqual(
    client
      .replies()
      .slice(before)
      .map(({ kind }) => kind),
    [FrameKind.Pong, FrameKind.Done],
  );
  client.cut();
});

test("ServerSession ends a task whose client resets its stream, without an answer", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);
  client.inject(batchOf((writer) => task(writer, 1, "wait")));
  await eventually(() => worker.starts === 1);

  client.inject(batchOf((writer) => writer.reset(1, 0, "")));
  await eventually(() => worker.tasks.inFlight === 0);

  assert.equal(
    client.replies().some(({ kind }) => kind === FrameKind.Done || kind === FrameKind.Exception),
    false,
  );
  client.cut();
});

for (const { title, frame } of [
  { title: "a malformed frame", frame: (stream: number) => malformed(stream) },
  { title: "a frame of an unknown kind", frame: (stream: number) => unknown(stream) },
  { title: "a request", frame: (stream: number) => batchOf((writer) => writer.next(stream)) },
  {
    title: "a message to a generator",
    frame: (stream: number) =>
      batchOf((writer) => writer.message(stream, messageHead(FrameKind.Send), NO_PAYLOAD)),
  },
  { title: "a task", frame: (stream: number) => batchOf((writer) => task(writer, stream, "add")) },
  { title: "a large task", frame: (stream: number) => largeTask(stream) },
  {
    title: "a refusal that cannot be read",
    // Response.nack { code: <no number> }
    frame: (stream: number) =>
      Uint8Array.of(0x0a, 0x09, 0x08, stream, 0x1a, 0x05, 0x12, 0x03, 0xa8, 0x06, 0xff),
  },
  {
    title: "a reset that cannot be read",
    frame: (stream: number) => Uint8Array.of(0x0a, 0x06, 0x08, stream, 0x5a, 0x02, 0x08, 0xff),
  },
]) {
  test(`ClientSession fails only the call on whose stream a worker sends ${title}`, async () => {
    const { caller, server, client } = await rawWorker();
    const [broken, other] = [caller.call("add"), caller.call("add")];
    await eventually(() => framesOf(client.sent).some(({ kind }) => kind === FrameKind.Task));

    server.inject(frame(broken.stream));
    const outcome = await broken.outcome;
    server.inject(batchOf((writer) => writer.message(other.stream, messageHead(FrameKind.Done), NO_PAYLOAD)));
    const otherOutcome = await other.outcome;
    await eventually(() => framesOf(client.sent).some(({ kind }) => kind === FrameKind.Reset));

    assert.equal(
      outcome.kind === "failed" && "code" in outcome.error && outcome.error.code,
      "ERR_MERINO_PROTOCOL",
    );
    assert.equal(otherOutcome.kind, "done");
    assert.equal(caller.session.open, true);
    // Whatever the worker still says about it is late.
    server.inject(
      batchOf((writer) =>
        writer.message(
          broken.stream,
          messageHead(FrameKind.Result, { parts: 1, detached: true }),
          NO_PAYLOAD,
        ),
      ),
    );
    server.inject(chunk(broken.stream, { total: 10, data: 5 }));
    server.inject(
      batchOf((writer) => writer.message(broken.stream, messageHead(FrameKind.Done), NO_PAYLOAD)),
    );
    server.inject(batchOf((writer) => writer.pong(3)));
    await eventually(() => caller.pongs.length > 0);
    assert.equal(broken.outcomes.length, 1);
    caller.session.connection.close();
  });
}

for (const { title, bytes } of [
  {
    title: "a response on a stream that was never opened",
    bytes: batchOf((writer) => writer.message(9, messageHead(FrameKind.Done), NO_PAYLOAD)),
  },
  { title: "a refusal on a stream that was never opened", bytes: batchOf((writer) => writer.parked(9, 0)) },
  { title: "a task on a stream that was never opened", bytes: batchOf((writer) => task(writer, 9, "add")) },
  {
    title: "a response on stream 0",
    bytes: batchOf((writer) => writer.message(0, messageHead(FrameKind.Done), NO_PAYLOAD)),
  },
  { title: "bytes that are no batch", bytes: Uint8Array.of(0x0a, 0x7f, 0x01) },
]) {
  test(`ClientSession ends the connection on ${title}, and its calls settle`, async () => {
    const { caller, server, client } = await rawWorker();
    const call = caller.call("add");
    await eventually(() => framesOf(client.sent).some(({ kind }) => kind === FrameKind.Task));

    server.inject(bytes);
    const error = await caller.closed;
    const outcome = await call.outcome;

    assert.equal(error !== undefined && "code" in error && error.code, "ERR_MERINO_PROTOCOL");
    assert.equal(outcome.kind === "lost" && outcome.started, true);
    assert.equal(framesOf(client.sent).at(-1)?.kind, FrameKind.GoAway);
  });
}

test("ClientSession takes tasks above a GoAway's last stream for not started", async () => {
  const { caller, server, client } = await rawWorker();
  const calls = [caller.call("add"), caller.call("add"), caller.call("add")];
  await eventually(() => framesOf(client.sent).some(({ kind }) => kind === FrameKind.Task));

  server.inject(batchOf((writer) => writer.goAway({ lastStream: 2, code: 3, detail: "", graceMs: 0 })));
  server.close();
  const outcomes = await Promise.all(calls.map((call) => call.outcome));

  assert.deepEqual(
    outcomes.map((outcome) => outcome.kind === "lost" && outcome.started),
    [true, true, false],
  );
});

test("ClientSession names no reason for a cancel whose reason is too large for a frame", async () => {
  await using pair = await connect(bodies);
  const { client, carriers } = pair;
  const call = client.call("wait");
  await eventually(() => call.parkedUs.length > 0);

  client.session.cancel(call.stream, payloadOf("x".repeat(20_000_000)));
  await client.call("add", [1, 2]).value();

  const cancel = framesOf(carriers.client.sent).find(({ kind }) => kind === FrameKind.Cancel);
  assert.equal(cancel?.payloadBytes, 0);
  assert.equal(client.session.open, true);
});
