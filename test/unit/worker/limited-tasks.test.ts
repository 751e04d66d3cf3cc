/** What a worker does about priorities, limits of routines and times of bodies, whatever its callers say. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { currentTask } from "../../../src/context/scope.ts";
import { TimeoutError } from "../../../src/errors/timeout-error.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { BatchReader } from "../../../src/wire/batch/reader.ts";
import { NackCode } from "../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../support/eventually.ts";
import { connect, type RecordedCall } from "../../support/protocol-peers.ts";

/** A routine whose bodies end when the test says so. */
function gate() {
  const ends: Array<() => void> = [];
  return {
    wait: () => new Promise<string>((resolve) => ends.push(() => resolve("released"))),
    open: () => {
      for (const end of ends.splice(0)) end();
    },
  };
}

async function refusalOf(call: RecordedCall) {
  const outcome = await call.outcome;
  assert.equal(outcome.kind, "refused");
  return outcome.kind === "refused" ? outcome.nack : assert.fail();
}

test("TaskServer refuses a body beyond the limit of its routine, says so, and keeps none waiting", async () => {
  const { wait, open } = gate();
  await using pair = await connect({ wait, add: () => 3 }, { limits: { wait: 2 } });
  const { client, worker } = pair;
  const running = [client.call("wait"), client.call("wait")];
  await eventually(() => worker.starts === 2);

  const root = await refusalOf(client.call("wait"));
  const nested = await refusalOf(client.call("wait", [], { nested: true }));
  assert.equal((await client.call("add").outcome).kind, "done");
  open();
  await Promise.all(running.map(({ outcome }) => outcome));
  const later = client.call("wait");
  await eventually(() => worker.starts === 4);
  open();

  assert.deepEqual([root.code, root.limit, nested.code], [NackCode.FULL, 2, NackCode.FULL]);
  assert.equal((await later.outcome).kind, "done");
});

test("TaskServer counts tasks that came before their routine was found, and says the same of them", async () => {
  const { wait, open } = gate();
  const found = createDeferred();
  await using pair = await connect({ wait }, { limits: { wait: 1 }, found: found.promise });
  const calls = [1, 2, 3].map(() => pair.client.call("wait"));

  found.resolve();
  const [first, second, third] = calls as [RecordedCall, RecordedCall, RecordedCall];
  const refusals = await Promise.all([refusalOf(second), refusalOf(third)]);
  await eventually(() => pair.worker.starts === 1);
  open();

  assert.deepEqual(
    refusals.map(({ code, limit }) => [code, limit]),
    [
      [NackCode.FULL, 1],
      [NackCode.FULL, 1],
    ],
  );
  assert.equal((await first.outcome).kind, "done");
});

test("TaskServer keeps the place of a body whose caller has gone until it has ended", async () => {
  const { wait, open } = gate();
  await using one = await connect({ wait }, { limits: { wait: 1 } });
  void one.client.call("wait");
  await eventually(() => one.worker.starts === 1);
  one.client.session.connection.close();
  await eventually(() => one.carriers.server.over);

  const definition = { id: "wait", limit: 1 } as Parameters<typeof one.worker.tasks.active.routines.judge>[0];
  assert.equal(one.worker.tasks.active.routines.judge(definition)?.code, NackCode.FULL);
  open();
  await eventually(() => one.worker.tasks.active.routines.judge(definition) === undefined);
});

test("TaskServer tells when a body begins whose time is limited, and ends it in the caller's words", async () => {
  let heard: unknown;
  await using pair = await connect({
    short: () => 1,
    heeds: () =>
      new Promise((_resolve, reject) => {
        const signal = currentTask()?.signal;
        signal?.addEventListener("abort", () => {
          heard = signal.reason;
          reject(new Error("an error of its own"));
        });
      }),
  });
  await pair.client.call("short").outcome; // known to be short from here on
  const plain = pair.client.call("short");
  await plain.outcome;

  const limited = pair.client.call("short", [], { runTimeoutUs: 60_000_000 });
  await limited.outcome;
  const heeding = pair.client.call("heeds", [], { runTimeoutUs: 5_000 });
  await eventually(() => heeding.outcomes.length > 0);
  const [outcome] = heeding.outcomes;

  assert.deepEqual([plain.acks, limited.acks], [0, 1]);
  const error = outcome?.kind === "exception" ? outcome.error : undefined;
  assert.ok(error instanceof TimeoutError && heard instanceof TimeoutError);
  assert.match(error.message, /'heeds' within its runTimeout of 5 ms: the call was running/);
});

test("TaskServer runs the calls of one caller by priority, and tells of those that go past others", async () => {
  const order: number[] = [];
  await using pair = await connect({ note: (n: number) => order.push(n) });
  await pair.client.call("note", [0]).outcome;
  const calls = [
    pair.client.call("note", [1]),
    pair.client.call("note", [2], { priority: 2 ** 31 - 1 }),
    pair.client.call("note", [3], { priority: -(2 ** 31) }),
    pair.client.call("note", [4]),
    pair.client.call("note", [5], { nested: true }),
  ];

  await Promise.all(calls.map(({ outcome }) => outcome));

  assert.deepEqual(order, [0, 5, 2, 1, 4, 3]);
  // Those that begin in the order in which they came are told of only if they may be long.
  assert.deepEqual([calls[1]?.acks, calls[3]?.acks, calls[4]?.acks], [1, 1, 1]);
});

test("BatchReader takes any number for a priority, as an integer of 32 bits", () => {
  const read = (varint: string): number => {
    const field = Buffer.from(`8007${varint}`, "hex");
    const task = Buffer.from([0x0a, field.length, ...field]);
    const frame = Buffer.from([0x08, 1, 0x12, task.length, ...task]);
    const batch = Buffer.from([0x0a, frame.length, ...frame]);
    const reader = new BatchReader();
    reader.reset(batch, 0, batch.length);
    assert.equal(reader.next(), true);
    return reader.task.priority;
  };

  assert.equal(read("8080808010"), 0); // 2^32: its low 32 bits
  assert.equal(read("ffffffff0f"), -(2 ** 31));
  assert.equal(read("feffffff0f"), 2 ** 31 - 1);
  assert.equal(read("ffffffffffffffffff01"), -(2 ** 31));
});
