/** When the batches of network callers are read, so that none keeps the thread from the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { type InputReader, InputTurns } from "../../../../src/session/input/turns.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { eventually } from "../../../support/eventually.ts";
import { holdThread } from "../../../support/hold-thread.ts";
import { rawClient } from "../../../support/hostile/raw-peers.ts";
import { batchOf, headOf, payloadOf, TestWorker } from "../../../support/protocol-peers.ts";

/** A connection that has so many slices to read; if there are many, each takes long. */
function reader(name: string, slices: number, log: string[]): InputReader {
  let left = slices;
  return {
    readOn() {
      log.push(name);
      if (slices > 1) holdThread(3);
      left -= 1;
      return left > 0;
    },
  };
}

test("InputTurns reads at once while there is little, and what takes longer in turns", async () => {
  const turns = new InputTurns();
  const log: string[] = [];

  const short = turns.arrived(reader("short", 1, log));
  const long = turns.arrived(reader("long", 30, log));
  const other = turns.arrived(reader("other", 2, log));
  const soon = [...log];
  while (log.filter((name) => name === "long").length < 30) await setImmediate();

  assert.deepEqual([short, long, other], [false, true, true]);
  assert.deepEqual(soon, ["short", "long"]);
  assert.deepEqual(log.slice(2, 6), ["long", "other", "long", "other"]);
  assert.ok(log.slice(6).every((name) => name === "long"));
});

test("InputTurns does not read for a connection that has ended", async () => {
  const turns = new InputTurns();
  const log: string[] = [];
  const gone = reader("gone", 5, log);
  turns.arrived(gone);

  turns.forget(gone);
  await setImmediate();
  await setImmediate();

  assert.deepEqual(log, ["gone"]);
});

for (const [what, flood] of Object.entries({
  pings: batchOf((writer) => {
    for (let token = 0; token < 300_000; token++) writer.ping(token);
  }),
  "tasks that are reset": batchOf((writer) => {
    for (let stream = 1; stream < 60_000; stream++) {
      writer.task(stream, headOf({ callable: "add" }), payloadOf([1, 2]));
      writer.reset(stream, 0, "");
    }
  }),
  tasks: batchOf((writer) => {
    for (let stream = 1; stream < 30_000; stream++)
      writer.task(stream, headOf({ callable: "add" }), payloadOf([1, 2]));
  }),
})) {
  test(`a network caller gets its answer while another's batch of ${what} is read`, async () => {
    const worker = new TestWorker({ add: (a: number, b: number) => a + b, other: () => "served" });
    const bad = await rawClient(worker, { local: false, name: "bad" });
    const good = await rawClient(worker, { local: false, name: "good" });

    bad.inject(flood);
    await eventually(() => bad.server.held);
    const sentMs = performance.now();
    good.inject(batchOf((writer) => writer.task(1, headOf({ callable: "other" }), payloadOf([]))));
    await eventually(() => good.replies().some(({ kind }) => kind === FrameKind.Done), { everyMs: 1 });
    const tookMs = performance.now() - sentMs;
    const stillReading = bad.server.held;

    assert.ok(stillReading, `it was answered only after the flood, in ${tookMs} ms`);
    bad.cut();
    good.cut();
  });
}
