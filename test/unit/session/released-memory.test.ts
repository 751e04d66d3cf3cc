/**
 * The memory of what a caller on the network has sent is given back as soon as nobody looks at it any more, and not before:
 * what is given back is spoiled here.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { MemoryBudget } from "../../../src/session/memory/memory-budget.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { eventually } from "../../support/eventually.ts";
import { type RawClient, rawClient } from "../../support/hostile/raw-peers.ts";
import { batchOf, connect, headOf, payloadOf, TestWorker } from "../../support/protocol-peers.ts";

const LARGE = 100_000;
const got: unknown[] = [];
const bodies = {
  note: (value: unknown): void => void got.push(value),
  async *collect(): AsyncGenerator<number, void, string> {
    let sum = 0;
    for (;;) {
      const text = yield sum;
      got.push(text);
      sum += text.length;
    }
  },
};

function text(letter: string): string {
  return letter.repeat(LARGE);
}

function answers(client: RawClient, kind: FrameKind): number {
  return client.replies().filter((frame) => frame.kind === kind).length;
}

test("a worker gives back the memory of arguments that it has read, and reads the rest of their batch before", async () => {
  got.length = 0;
  const worker = new TestWorker(bodies);
  const client = await rawClient(worker, { local: false });
  const task = headOf({ callable: "note" });
  const batch = batchOf((writer) => {
    writer.task(1, task, payloadOf(["first"]));
    writer.task(2, task, payloadOf([text("a")]));
    for (let stream = 3; stream < 200; stream++) writer.task(stream, task, payloadOf([`n${stream}`]));
  });

  client.inject(batch);
  client.inject(batchOf((writer) => writer.task(200, task, payloadOf([text("b")]))));
  await eventually(() => answers(client, FrameKind.Done) === 200);

  assert.deepEqual([got[0], got[1] === text("a"), got[2], got[198]], ["first", true, "n3", "n199"]);
  assert.equal(got[199], text("b"));
  assert.equal(client.server.released.filter((length) => length >= LARGE).length, 2);
  client.cut();
});

test("a worker gives back what waits for a body only when that has begun, and what no body will have at once", async () => {
  got.length = 0;
  const found = createDeferred<void>();
  const worker = new TestWorker(bodies, { found: found.promise });
  const client = await rawClient(worker, { local: false });
  const large = () => client.server.released.filter((length) => length >= LARGE).length;
  const task = headOf({ callable: "note" });
  client.inject(batchOf((writer) => writer.task(1, task, payloadOf([text("a")]))));
  client.inject(batchOf((writer) => writer.task(2, task, payloadOf([text("b")]))));
  await eventually(() => worker.tasks.inFlight === 2);
  assert.equal(large(), 0);

  client.inject(batchOf((writer) => writer.reset(1, 0, "")));
  await eventually(() => worker.tasks.inFlight === 1);
  assert.equal(large(), 1);
  found.resolve();
  await eventually(() => answers(client, FrameKind.Done) === 1);

  assert.equal(large(), 2);
  assert.deepEqual(got, [text("b")]);
  client.cut();
});

test("a worker gives back arguments that find no room, and what generators were sent, each once it has been read", async () => {
  got.length = 0;
  const memory = new MemoryBudget({ limitBytes: 8 * LARGE, objectWeight: 1 });
  await using connected = await connect(bodies, { local: false, memory });
  const { client, carriers } = connected;
  const large = () => carriers.server.released.filter((length) => length >= LARGE / 2).length;

  // In chunks: their memory, and that of the part that has become too small.
  const refused = await client.call("note", [new Uint8Array(6 * LARGE)]).outcome;
  assert.equal(refused.kind, "refused");
  assert.ok(carriers.server.released.some((length) => length === 6 * LARGE));
  const before = large();
  const collecting = client.call("collect", [], { generator: true });
  await eventually(() => collecting.values.length === 1);
  for (const letter of ["a", "b", "c"]) {
    const { bytes, start, end, parts } = payloadOf(letter.repeat(LARGE / 2));
    const seen = collecting.values.length;
    client.session.send(collecting.stream, { bytes, start, end, parts });
    await eventually(() => collecting.values.length > seen);
  }

  assert.deepEqual(
    got,
    ["a", "b", "c"].map((letter) => letter.repeat(LARGE / 2)),
  );
  assert.ok(large() >= before + 3, `${large() - before} of 3 were given back`);
  client.session.connection.close();
});
