/** The greeting: both Hellos are checked before the first task, and a peer that does not fit is told why. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { ServerSession } from "../../../src/session/server-session.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import type { Hello } from "../../../src/wire/frames.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../support/eventually.ts";
import { framesOf, type MemoryCarrier, memoryPair } from "../../support/memory-pair.ts";
import { batchOf, connect, helloWith, TestClient, TestWorker } from "../../support/protocol-peers.ts";

const add = (a: number, b: number): number => a + b;

/** A worker's end whose sessions can be watched for their end. */
function serve(
  server: MemoryCarrier,
  hello: Hello = helloWith({ uid: "worker" }),
): { closed: boolean; worker: TestWorker } {
  const worker = new TestWorker({ add }, { hello });
  const state = { closed: false, worker };
  new ServerSession(server, hello, {
    opened: () => {},
    accept: (session, reader) => worker.tasks.accept(session, reader),
    batchEnd: () => worker.tasks.batchEnd(),
    written: () => {},
    flushed: () => {},
    beforeFlush: () => {},
    closed: () => {
      state.closed = true;
    },
  });
  return state;
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}

test("ClientSession is open once the worker's Hello has come, and not before", async () => {
  const { client, server } = memoryPair();
  const caller = new TestClient(client);
  const before = caller.session.open;

  serve(server, helloWith({ uid: "worker-7" }));
  const hello = await caller.hello;

  assert.equal(before, false);
  assert.equal(caller.session.open, true);
  assert.equal(hello.uid, "worker-7");
  assert.deepEqual(
    framesOf(client.sent).map((frame) => frame.kind),
    [FrameKind.Hello],
  );
});

for (const { title, hello, code, refusal } of [
  {
    title: "of another major",
    hello: helloWith({ version: "9.0.0" }),
    code: "ERR_MERINO_VERSION",
    refusal: NackCode.VERSION,
  },
  {
    title: "whose version cannot be parsed",
    hello: helloWith({ version: "unknown" }),
    code: "ERR_MERINO_VERSION",
    refusal: NackCode.VERSION,
  },
  {
    title: "without a common codec",
    hello: helloWith({ codecs: ["pickle"] }),
    code: "ERR_MERINO_PROTOCOL",
    refusal: NackCode.CODEC,
  },
]) {
  test(`ClientSession ends a connection to a worker ${title}`, async () => {
    const { client, server } = memoryPair();
    const caller = new TestClient(client);

    serve(server, hello);

    assert.equal(codeOf(await caller.closed), code);
    assert.equal(caller.session.open, false);
  });

  test(`ServerSession says GoAway to a client ${title}`, async () => {
    const { client, server } = memoryPair();
    const worker = serve(server);
    client.events = { batch: () => {}, drain: () => {}, closed: () => {} };

    client.inject(batchOf((writer) => writer.hello(hello)));
    await eventually(() => worker.closed);

    const last = framesOf(server.sent).at(-1);
    assert.equal(last?.kind, FrameKind.GoAway);
    assert.equal(last?.code, refusal);
  });
}

test("ServerSession runs nothing for a client of another major, even if tasks come with its Hello", async () => {
  const { client, server } = memoryPair();
  const { worker } = serve(server);
  client.events = { batch: () => {}, drain: () => {}, closed: () => {} };
  const caller = new TestClient(client, helloWith({ version: "9.0.0" }));
  const call = caller.call("add", [1, 2]);

  const outcome = await call.outcome;

  assert.equal(outcome.kind, "lost");
  assert.equal(worker.starts, 0);
});

for (const { title, frames } of [
  { title: "a second Hello", frames: [helloWith(), helloWith()] },
  { title: "a frame before the Hello", frames: [] },
]) {
  test(`ServerSession ends a connection on ${title}`, async () => {
    const { client, server } = memoryPair();
    const worker = serve(server);
    client.events = { batch: () => {}, drain: () => {}, closed: () => {} };

    client.inject(
      batchOf((writer) => {
        for (const hello of frames) writer.hello(hello);
        writer.ping(1);
      }),
    );
    await eventually(() => worker.closed);

    const kinds = framesOf(server.sent).map((frame) => frame.kind);
    assert.deepEqual(kinds, [FrameKind.Hello, FrameKind.GoAway]);
  });
}

test("ServerSession ends a connection whose first bytes are garbage", async () => {
  const { client, server } = memoryPair();
  const worker = serve(server);
  client.events = { batch: () => {}, drain: () => {}, closed: () => {} };

  client.inject(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
  await eventually(() => worker.closed);

  assert.equal(framesOf(server.sent).at(-1)?.kind, FrameKind.GoAway);
});

test("ClientSession hands a GoAway to its owner that comes instead of a Hello", async () => {
  const { client, server } = memoryPair();
  const caller = new TestClient(client);
  server.events = { batch: () => {}, drain: () => {}, closed: () => {} };

  server.inject(
    batchOf((writer) => writer.goAway({ lastStream: 0, code: NackCode.VERSION, detail: "no", graceMs: 0 })),
  );
  await eventually(() => caller.goAways.length > 0);

  assert.equal(caller.goAways[0]?.code, NackCode.VERSION);
  caller.session.connection.close();
});

test("ClientSession refuses what exceeds the worker's maxMessage before anything is sent", async () => {
  await using pair = await connect(
    { size: (text: string) => text.length },
    { hello: helloWith({ limits: { maxMessage: 1000 } }) },
  );
  const { client, carriers } = pair;
  await client.call("size", [""]).value();
  const sent = carriers.client.sent.length;

  assert.throws(() => client.call("size", ["x".repeat(1000)]), {
    code: "ERR_MERINO_REFUSED",
    refusal: "TOO_LARGE",
  });
  assert.throws(() => client.call("size", [new Uint8Array(200_000)]), {
    code: "ERR_MERINO_REFUSED",
    refusal: "TOO_LARGE",
  });
  const fits = await client.call("size", ["x".repeat(900)]).value();

  assert.equal(fits, 900);
  assert.equal(client.session.inFlight, 0);
  assert.equal(carriers.client.sent.length, sent + 1);
});

test("ClientSession names routines by text once the worker's maxDefines are used up", async () => {
  const bodies = { one: () => 1, two: () => 2, three: () => 3 };
  await using pair = await connect(bodies, { hello: helloWith({ limits: { maxDefines: 2 } }) });
  const { client, carriers } = pair;

  const values = await Promise.all(["one", "two", "three", "one"].map((id) => client.call(id).value()));

  assert.deepEqual(values, [1, 2, 3, 1]);
  const frames = framesOf(carriers.client.sent);
  assert.equal(frames.filter((frame) => frame.kind === FrameKind.Define).length, 2);
  assert.deepEqual(
    frames.filter((frame) => frame.kind === FrameKind.Task).map((frame) => frame.callable),
    [undefined, undefined, "three", undefined],
  );
});

test("ServerSession refuses the tasks beyond its maxStreams with FULL and serves the others", async () => {
  const gates: Array<() => void> = [];
  const wait = (): Promise<void> => new Promise((resolve) => gates.push(resolve));
  await using pair = await connect({ wait }, { hello: helloWith({ limits: { maxStreams: 3 } }) });
  const { client, worker } = pair;

  const calls = Array.from({ length: 5 }, () => client.call("wait"));
  const refused = await Promise.all(calls.slice(3).map((call) => call.outcome));
  await eventually(() => gates.length === 3);
  for (const open of gates) open();
  const served = await Promise.all(calls.slice(0, 3).map((call) => call.outcome));

  assert.deepEqual(
    refused.map((outcome) => outcome.kind === "refused" && outcome.nack.code),
    [NackCode.FULL, NackCode.FULL],
  );
  assert.deepEqual(
    served.map((outcome) => outcome.kind),
    ["done", "done", "done"],
  );
  assert.equal(worker.starts, 3);
});

test("ClientSession keeps batches within the worker's maxBatch", async () => {
  const maxBatch = 20_000;
  await using pair = await connect(
    { size: (text: string) => text.length },
    { hello: helloWith({ limits: { maxBatch } }) },
  );
  const { client, carriers } = pair;

  const calls = Array.from({ length: 50 }, (_, at) => client.call("size", ["x".repeat(at * 300)]));
  const values = await Promise.all(calls.map((call) => call.value()));

  assert.deepEqual(
    values,
    calls.map((_, at) => at * 300),
  );
  const largest = Math.max(...carriers.client.sent.map((batch) => batch.length));
  assert.ok(largest <= maxBatch, `a batch of ${largest} bytes`);
});

test("ClientSession takes limits that a worker does not state for its own", async () => {
  const unstated = {
    maxBatch: 0,
    maxMessage: 0,
    maxStreams: 0,
    streamWindow: 0,
    connectionWindow: 0,
    maxDefines: 0,
    maxOpenMessages: 0,
    maxDepth: 0,
  };
  const { client, server } = memoryPair();
  server.events = { batch: () => {}, drain: () => {}, closed: () => {} };
  const caller = new TestClient(client);

  server.inject(batchOf((writer) => writer.hello(helloWith({ limits: unstated }))));
  await caller.hello;
  caller.call("size", [new Uint8Array(300_000)]);
  await eventually(() => client.sentBytes > 300_000);

  assert.equal(caller.session.connection.congested, false);
  assert.equal(framesOf(client.sent).filter((frame) => frame.kind === FrameKind.Define).length, 1);
  caller.session.connection.close();
});

test("RoutineRequest may cause an import over a local carrier only", async () => {
  await using near = await connect({ add }, { local: true });
  await using far = await connect({ add }, { local: false });

  await near.client.call("add", [1, 2]).value();
  await far.client.call("add", [1, 2]).value();

  assert.deepEqual(
    [near, far].map(({ worker }) => worker.requests[0]?.mayImport),
    [true, false],
  );
});
