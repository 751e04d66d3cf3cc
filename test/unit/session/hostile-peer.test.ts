/** A peer that would have the other side hold more than it ever needs to: what is refused, and how much ends. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { FlowAct } from "../../../src/wire/messages/flow.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { NO_PAYLOAD } from "../../../src/wire/payload.ts";
import { eventually } from "../../support/eventually.ts";
import { chunk, largeTask, rawClient, rawWorker } from "../../support/hostile/raw-peers.ts";
import { framesOf } from "../../support/memory-pair.ts";
import { batchOf, headOf, messageHead, payloadOf, TestWorker } from "../../support/protocol-peers.ts";

const bodies = {
  add: (a: number, b: number): number => a + b,
  wait: (): Promise<never> => new Promise(() => {}),
};

test("ServerSession refuses a message that announces more parts than one may have, and its stream only", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);

  client.inject(largeTask(1, 4_000_000_000));
  for (let part = 0; part < 100; part++) client.inject(chunk(1, { part, total: 0, last: true, data: 0 }));
  client.inject(batchOf((writer) => writer.task(2, headOf({ callable: "add" }), payloadOf([1, 2]))));
  await eventually(() => client.replies().some(({ kind }) => kind === FrameKind.Done));

  const resets = client.replies().filter(({ kind }) => kind === FrameKind.Reset);
  assert.deepEqual(
    resets.map(({ stream }) => stream),
    [1],
  );
  assert.equal(worker.tasks.inFlight, 0);
  client.cut();
});

test("ServerSession ends a task whose client announces more signals than it can have", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);
  client.inject(batchOf((writer) => writer.task(1, headOf({ callable: "wait" }), payloadOf([]))));

  client.inject(
    batchOf((writer) => {
      for (let index = 0; index < 5_000; index++) writer.signal(1, index, NO_PAYLOAD);
    }),
  );
  await eventually(() => client.replies().some(({ kind }) => kind === FrameKind.Reset));

  assert.equal(worker.tasks.inFlight, 0);
  assert.equal(client.over, false);
  client.cut();
});

test("ServerSession refuses a task whose tag is longer than a worker keeps", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);

  for (const [stream, length] of [
    [1, 60_000],
    [2, 70_000],
  ] as const) {
    const head = headOf({ callable: "add", tag: "t".repeat(length) });
    client.inject(batchOf((writer) => writer.task(stream, head, payloadOf([1, 2]))));
  }
  await eventually(() => client.replies().some(({ kind }) => kind === FrameKind.Nack));

  const answers = client
    .replies()
    .flatMap(({ kind, stream, code }) =>
      kind === FrameKind.Nack || kind === FrameKind.Done ? [{ stream, kind, code }] : [],
    );
  assert.deepEqual(answers, [
    { stream: 1, kind: FrameKind.Done, code: 0 },
    { stream: 2, kind: FrameKind.Nack, code: NackCode.TOO_LARGE },
  ]);
  client.cut();
});

test("ServerSession ends a connection that pings without end and does not read the answers", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);
  const pings = batchOf((writer) => {
    for (let token = 0; token < 600; token++) writer.ping(token);
  });

  client.inject(pings);
  client.inject(pings);
  await eventually(() => client.replies().length > 1_200);
  const alive = !client.over;
  client.server.congested = true;
  client.inject(batchOf((writer) => writer.ping(1))); // its answer finds the carrier full
  client.inject(pings);
  client.inject(pings);
  await eventually(() => client.over);

  assert.equal(alive, true);
  assert.equal(client.replies().at(-1)?.kind, FrameKind.GoAway);
});

test("ClientSession keeps nothing of what a worker defines", async () => {
  const { caller, server } = await rawWorker();

  for (let count = 0; count < 2; count++) {
    server.inject(
      batchOf((writer) => writer.define({ kind: 1, index: 1, value: Buffer.from("add"), location: "" })),
    );
  }
  server.inject(batchOf((writer) => writer.pong(1)));
  await eventually(() => caller.pongs.length === 1);

  assert.equal(caller.session.open, true);
  caller.session.connection.close();
});

test("ClientSession refuses a message that announces more parts than one may have", async () => {
  const { caller, server, client } = await rawWorker();
  const call = caller.call("add");
  await eventually(() => framesOf(client.sent).some(({ kind }) => kind === FrameKind.Task));

  const head = messageHead(FrameKind.Done, { parts: 4_000_000_000, detached: true });
  server.inject(batchOf((writer) => writer.message(call.stream, head, NO_PAYLOAD)));
  const outcome = await call.outcome;

  assert.equal(outcome.kind, "failed");
  assert.equal(caller.session.open, true);
  caller.session.connection.close();
});

test("ServerSession ends a stream, and no more, on which its client speaks of a flow that there is not", async () => {
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker);
  client.inject(batchOf((writer) => writer.task(1, headOf({ callable: "wait" }), payloadOf([]))));
  const flow = { index: 0, act: FlowAct.Item, number: 0, taken: 0 };

  client.inject(
    batchOf((writer) => writer.message(1, messageHead(FrameKind.CallerFlow, { flow }), payloadOf(1))),
  );
  client.inject(batchOf((writer) => writer.task(2, headOf({ callable: "add" }), payloadOf([1, 2]))));
  await eventually(() => client.replies().some(({ kind }) => kind === FrameKind.Done));

  assert.deepEqual(
    client.replies().flatMap(({ kind, stream }) => (kind === FrameKind.Reset ? [stream] : [])),
    [1],
  );
  client.cut();
});

test("ClientSession ends a stream on which its worker sends what only clients send of flows", async () => {
  const { caller, server } = await rawWorker();
  const call = caller.call("add", [1, 2]);
  const flow = { index: 0, act: FlowAct.Pull, number: 1, taken: 0 };

  server.inject(
    batchOf((writer) => writer.message(1, messageHead(FrameKind.CallerFlow, { flow }), NO_PAYLOAD)),
  );

  assert.equal((await call.outcome).kind, "failed");
  caller.session.connection.close();
});
