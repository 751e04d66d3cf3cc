/** When the batches of network callers are read, so that none keeps the thread from the others. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { Standing } from "../../../../src/internal/fair-clock.ts";
import { type InputReader, InputTurns } from "../../../../src/session/input/turns.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { NO_PAYLOAD } from "../../../../src/wire/payload.ts";
import { TaskFlag } from "../../../../src/wire/task/flags.ts";
import { eventually } from "../../../support/eventually.ts";
import { holdThread } from "../../../support/hold-thread.ts";
import { rawClient, rawWorker } from "../../../support/hostile/raw-peers.ts";
import { memoryPair } from "../../../support/memory-pair.ts";
import {
  batchOf,
  headOf,
  helloWith,
  messageHead,
  payloadOf,
  TestWorker,
} from "../../../support/protocol-peers.ts";

/** A connection that has so many slices to read; if there are many, each takes long. */
function reader(name: string, slices: number, log: string[]): InputReader {
  let left = slices;
  return {
    standing: new Standing(),
    readOn() {
      log.push(name);
      if (slices > 1) holdThread(3);
      left -= 1;
      return left > 0;
    },
    turnOver() {},
  };
}

test("InputTurns reads at once while there is little, and what takes longer in turns", async () => {
  const turns = new InputTurns();
  const log: string[] = [];

  const short = turns.arrived(reader("short", 1, log));
  const long = turns.arrived(reader("long", 30, log));
  const other = turns.arrived(reader("other", 3, log));
  while (log.filter((name) => name === "long").length < 30) await setImmediate();

  assert.deepEqual([short, long, other], [false, true, true]);
  // Who comes has not used anything yet.
  assert.deepEqual(log.slice(0, 3), ["short", "long", "other"]);
  assert.equal(log.slice(3, 10).filter((name) => name === "other").length, 2);
  assert.ok(log.slice(10).every((name) => name === "long"));
});

test("InputTurns reads what little somebody sends before the next of many that send much", async () => {
  const turns = new InputTurns();
  const log: string[] = [];
  const floods = Array.from({ length: 40 }, (_, n) => reader(`flood ${n}`, 100, log));
  for (const flood of floods) turns.arrived(flood);
  while (log.length < 90) await setImmediate();

  for (let call = 0; call < 10; call++) {
    const before = log.length;
    if (turns.arrived(reader("call", 1, log))) await setImmediate();

    assert.ok(log.slice(before, before + 2).includes("call"), `${log.slice(before, before + 5)}`);
  }
  for (const flood of floods) turns.forget(flood);
  await setImmediate();
});

test("InputTurns has nobody stand behind others for a pause that falls into its slice", async () => {
  const turns = new InputTurns();
  const log: string[] = [];
  const floods = Array.from({ length: 10 }, (_, n) => reader(`flood ${n}`, 1_000, log));
  const standing = new Standing();
  const call = (pauseMs: number): InputReader => ({
    standing,
    readOn() {
      log.push("call");
      holdThread(pauseMs);
      return false;
    },
    turnOver() {},
  });
  for (const flood of floods) turns.arrived(flood);

  if (turns.arrived(call(100))) while (!log.includes("call")) await setImmediate();
  const before = log.length;
  if (turns.arrived(call(0))) while (!log.includes("call", before)) await setImmediate();

  const slices = log.indexOf("call", before) - before;
  assert.ok(slices < 2 * floods.length, `${slices} slices of others came first`);
  for (const flood of floods) turns.forget(flood);
  await setImmediate();
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

test("InputTurns lets nothing come of what has been read before all have read whose turn it is", async () => {
  const turns = new InputTurns();
  const log: string[] = [];
  const telling = (name: string, slices: number): InputReader => ({
    ...reader(name, slices, log),
    turnOver: () => void log.push(`${name} over`),
  });
  turns.arrived(telling("first", 1));
  const slow = (): boolean => {
    holdThread(5);
    return false;
  };
  turns.arrived({ ...telling("holds", 1), readOn: slow });
  for (const name of ["a", "b", "c"]) assert.equal(turns.arrived(telling(name, 1)), true);

  await setImmediate();

  assert.deepEqual(log, ["first", "first over", "holds over", "a", "b", "c", "a over", "b over", "c over"]);
});

test("a network caller gets its answer after few of the long bodies of forty others", async () => {
  let bodies = 0;
  let before = 0;
  const worker = new TestWorker({
    long: () => {
      holdThread(5);
      return ++bodies;
    },
    short: () => {
      before = bodies;
    },
  });
  const floods = await Promise.all(
    Array.from({ length: 40 }, (_, n) => rawClient(worker, { local: false, name: `flood ${n}` })),
  );
  const good = await rawClient(worker, { local: false, name: "good" });
  for (const flood of floods) {
    for (let stream = 1; stream <= 4; stream++)
      flood.inject(batchOf((writer) => writer.task(stream, headOf({ callable: "long" }), payloadOf([]))));
  }
  await eventually(() => bodies > 50, { everyMs: 1 }); // what each of them takes is known

  const since = bodies;
  good.inject(batchOf((writer) => writer.task(1, headOf({ callable: "short" }), payloadOf([]))));
  await eventually(() => good.replies().some(({ kind }) => kind === FrameKind.Done), { everyMs: 1 });

  assert.ok(before - since <= 5, `after ${before - since} of 160 bodies`);
  for (const client of [...floods, good]) client.cut();
});

test("a network caller gets its answer after few of the sessions that another begins", async () => {
  const worker = new TestWorker({ other: () => "served" });
  const good = await rawClient(worker, { local: false, name: "good" });
  const call = (stream: number): void =>
    good.inject(batchOf((writer) => writer.task(stream, headOf({ callable: "other" }), payloadOf([]))));
  const answers = (): number => good.replies().filter(({ kind }) => kind === FrameKind.Done).length;
  call(1); // those that come have taken less than it
  await eventually(() => answers() === 1, { everyMs: 0 });
  const greeting = batchOf((writer) => {
    writer.hello(helloWith());
    for (let token = 0; token < 5_000; token++) writer.ping(token);
  });

  const sessions = Array.from({ length: 300 }, () => memoryPair({ local: false, name: "many" }));
  for (const { client, server } of sessions) {
    worker.tasks.serve(server);
    client.inject(greeting);
  }
  await eventually(() => sessions.some(({ server }) => server.held), { everyMs: 0 });
  const begun = (): number => sessions.filter(({ server }) => server.sent.length > 1).length;
  const before = begun();
  call(2);
  await eventually(() => answers() === 2, { everyMs: 0 });
  const meanwhile = begun() - before;

  assert.ok(meanwhile < 100, `${meanwhile} of ${sessions.length} sessions came first`);
  for (const { client } of sessions) client.cut();
  good.cut();
});

test("a worker makes no more answers for a caller that has taken its call back, as soon as that has come", async () => {
  let made = 0;
  const worker = new TestWorker({
    *values() {
      while (true) yield ++made;
    },
  });
  const caller = await rawClient(worker, { local: false, name: "caller" });
  const head = headOf({ callable: "values", flags: TaskFlag.Generator });
  caller.inject(
    batchOf((writer) => {
      writer.task(1, head, payloadOf([]));
      writer.cancel(1, NO_PAYLOAD);
      writer.task(2, head, payloadOf([]));
      writer.next(2);
    }),
  );
  await eventually(() => made === 1, { everyMs: 0, withinMs: 5_000 });
  caller.server.congested = true; // it does not read
  caller.inject(batchOf((writer) => writer.next(2)));
  await eventually(() => made === 2, { everyMs: 0, withinMs: 5_000 });
  caller.inject(batchOf((writer) => writer.next(2)));
  caller.inject(
    batchOf((writer) => {
      // Steps of a call that has ended take time to read, and nothing comes of them.
      for (let n = 0; n < 100_000; n++) writer.next(1);
      writer.cancel(2, NO_PAYLOAD);
    }),
  );
  // On a busy machine all may have been read before this looks for the first time.
  for (let turn = 0; turn < 100 && !caller.server.held; turn++) await setImmediate();

  const before = made;
  caller.server.congested = false;
  await eventually(
    () => caller.replies().some(({ kind, stream }) => kind === FrameKind.Exception && stream === 2),
    { everyMs: 1 },
  );

  assert.equal(made, before);
  caller.cut();
});

/** A worker over the network that says again and again that a call has begun. */
function acknowledging(stream: number, times: number): Uint8Array {
  return batchOf((writer) => {
    for (let n = 0; n < times; n++) writer.ack(stream, "0.1.0", "raw");
  });
}

test("a caller over the network gets the answer of a worker while another's flood is read", async () => {
  const bad = await rawWorker({ local: false, name: "bad" });
  const good = await rawWorker({ local: false, name: "good" });
  const flooded = bad.caller.call("a#flooded");
  const called = good.caller.call("a#called");

  bad.server.inject(acknowledging(flooded.stream, 300_000));
  await eventually(() => bad.client.held);
  good.server.inject(
    batchOf((writer) => writer.message(called.stream, messageHead(FrameKind.Done), payloadOf(3))),
  );
  const answer = await called.value();
  const stillReading = bad.client.held;

  assert.equal(answer, 3);
  assert.ok(stillReading, "it was answered only after the flood");
  bad.client.cut();
  good.client.cut();
});

test("a caller over the network gets an answer that waited to be read when the connection ended", async () => {
  const { caller, server, client } = await rawWorker({ local: false });
  const called = caller.call("a#called");
  const lost = caller.call("a#lost");
  server.inject(acknowledging(called.stream, 100_000));
  await eventually(() => client.held);

  server.arrivesAtPeer(
    batchOf((writer) => writer.message(called.stream, messageHead(FrameKind.Done), payloadOf(3))),
  );
  server.cut();

  assert.deepEqual(await called.outcome, { kind: "done", value: 3 });
  assert.equal((await lost.outcome).kind, "lost");
  assert.equal(called.acks, 100_000);
});
