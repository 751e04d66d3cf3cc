/** What a session counts as held for a client on the network: all that is kept, for as long as it is kept. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryBudget } from "../../../../src/session/memory/memory-budget.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { NO_PAYLOAD } from "../../../../src/wire/payload.ts";
import { TaskFlag } from "../../../../src/wire/task/flags.ts";
import { eventually } from "../../../support/eventually.ts";
import { chunk, type RawClient, rawClient } from "../../../support/hostile/raw-peers.ts";
import {
  batchOf,
  connect,
  headOf,
  helloWith,
  messageHead,
  payloadFrom,
  payloadOf,
  type RecordedCall,
  TestWorker,
} from "../../../support/protocol-peers.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

function useGate() {
  const waiting: Array<() => void> = [];
  return {
    bodies: {
      size: (value: Uint8Array) => value.length,
      async large() {
        await new Promise<void>((resolve) => waiting.push(resolve));
        return new Uint8Array(3 * MIB);
      },
      wait: () => new Promise<void>((resolve) => waiting.push(resolve)),
      async *sum(): AsyncGenerator<number, number, Uint8Array> {
        let total = 0;
        for (;;) {
          const value = yield total;
          await new Promise<void>((resolve) => waiting.push(resolve));
          if (value === undefined) return total;
          total += value.length;
        }
      },
    },
    open() {
      for (const resolve of waiting.splice(0)) resolve();
    },
  };
}

function budgetOf(limitBytes: number): MemoryBudget {
  return new MemoryBudget({ limitBytes, objectWeight: 1 });
}

test("a session counts nothing any more once everything that it kept is gone", async () => {
  const { bodies, open } = useGate();
  const memory = budgetOf(1_000 * MIB);
  await using pair = await connect(bodies, { memory, local: false });
  const { client, worker, carriers } = pair;
  const first = client.call("wait");
  await eventually(() => worker.starts === 1);
  open();
  await first.outcome;
  const known = ["size", "large", "sum"].map((id) => client.call(id, [[]])); // defined from here on
  await eventually(() => worker.starts === 3);
  open();
  await Promise.all(known.map(({ outcome }) => outcome));
  await eventually(() => worker.tasks.active.heldBytes === 0);
  const defined = memory.heldBytes;

  const held: number[] = [];
  const note = (): void => void held.push(memory.heldBytes - defined);
  carriers.client.congested = true; // the heads go, and the rest waits
  const sent = client.call("size", [new Uint8Array(2 * MIB)]);
  const cancelled = client.call("size", [new Uint8Array(2 * MIB)]);
  await eventually(() => memory.heldBytes > defined);
  note();
  client.session.cancel(cancelled.stream, NO_PAYLOAD);
  carriers.client.congested = false;
  await Promise.all([sent.outcome, cancelled.outcome]);
  note();
  const unread = client.call("large");
  const begun = worker.starts;
  await eventually(() => worker.starts === begun + 1);
  carriers.server.congested = true;
  open();
  await eventually(() => memory.heldBytes > 2 * MIB); // a chunk leaves with the head
  note();
  carriers.server.congested = false;
  await unread.outcome;
  note();
  const stream = client.call("sum", [], { generator: true });
  await stream.yielded(1);
  for (let n = 0; n < 10; n++) client.session.send(stream.stream, payloadOf(new Uint8Array(100)));
  await eventually(() => memory.heldBytes > defined + 9 * 100);
  note();
  client.session.broken(stream.stream, "a test resets it");
  await eventually(() => worker.tasks.inFlight === 0);
  note();
  const signalled = client.call("wait");
  for (let n = 0; n < 10; n++) client.session.signal(signalled.stream, n, payloadOf("why"));
  await eventually(() => memory.heldBytes > defined + 10 * KIB);
  note();
  const heads = worker.tasks.active.heldBytes;
  open();
  await signalled.outcome;
  open();
  await eventually(() => worker.tasks.active.bodies === 0);
  note();

  assert.ok(defined > 0, "definitions are counted");
  assert.deepEqual(
    held.map((bytes) => bytes > 0),
    [true, false, true, false, true, false, true, false],
  );
  assert.deepEqual([held[1], held[3], held[5], held[7]], [0, 0, 0, 0]);
  assert.ok(heads > 700, "heads of tasks are counted");
  assert.equal(worker.tasks.active.heldBytes, 0);
  carriers.client.cut();
  assert.equal(memory.heldBytes, 0);
});

test("a session counts nothing for a client on the same host", async () => {
  const { bodies, open } = useGate();
  const memory = budgetOf(MIB);
  await using pair = await connect(bodies, { memory });

  const call = pair.client.call("wait", [new Uint8Array(4 * MIB)], { tag: "t".repeat(10_000) });
  await eventually(() => pair.worker.starts === 1);

  assert.deepEqual([memory.heldBytes, pair.worker.tasks.active.heldBytes], [0, 0]);
  open();
  await call.outcome;
});

/** Floods of what is kept, each as one batch of about 64 KiB that a hostile client sends again and again. */
const FLOODS: Readonly<Record<string, (turn: number) => Uint8Array>> = {
  "parts of messages that it never finishes": (turn) =>
    Buffer.concat([
      batchOf((writer) => {
        const flags = TaskFlag.NextImplied | TaskFlag.Detached;
        writer.task(turn, headOf({ callable: "size", parts: 2, flags }), NO_PAYLOAD);
      }),
      chunk(turn, { total: 64 * KIB, data: 60 * KIB }),
    ]),
  "heads of messages whose parts never come": (turn) =>
    batchOf((writer) =>
      writer.task(turn, headOf({ callable: "size", parts: 1 }), payloadFrom(new Uint8Array(60 * KIB))),
    ),
  definitions: (turn) =>
    batchOf((writer) => {
      for (let n = 0; n < 100; n++)
        writer.define({ kind: 1, index: turn * 100 + n, value: new Uint8Array(600), location: "" });
    }),
  signals: (turn) =>
    batchOf((writer) => {
      if (turn === 1) writer.task(1, headOf({ callable: "wait" }), payloadOf([]));
      for (let n = 0; n < 50; n++) writer.signal(1, turn * 50 + n, payloadOf("x".repeat(1_000)));
    }),
  steps: (turn) =>
    batchOf((writer) => {
      const flags = TaskFlag.NextImplied | TaskFlag.Generator;
      if (turn === 1) writer.task(1, headOf({ callable: "sum", flags }), payloadOf([]));
      const value = payloadOf(new Uint8Array(1_000));
      for (let n = 0; n < 60; n++) writer.message(1, messageHead(FrameKind.Send), value);
    }),
};

for (const [what, flood] of Object.entries(FLOODS)) {
  test(`clients that flood a worker with ${what} fill no more than its budget, and others are served`, async () => {
    const { bodies } = useGate();
    const memory = budgetOf(4 * MIB);
    const worker = new TestWorker(bodies, { memory, hello: helloWith({ limits: { maxMessage: MIB } }) });
    const attackers: RawClient[] = [];
    for (let n = 0; n < 8; n++) attackers.push(await rawClient(worker, { local: false, name: `bad${n}` }));
    const good = await rawClient(worker, { local: false, name: "good" });
    let highest = 0;

    for (let turn = 1; turn <= 40; turn++) {
      for (const attacker of attackers) if (!attacker.over) attacker.inject(flood(turn));
      await new Promise((resolve) => setImmediate(resolve));
      highest = Math.max(highest, memory.heldBytes);
    }
    good.inject(
      batchOf((writer) => writer.task(1, headOf({ callable: "size" }), payloadOf([new Uint8Array(9)]))),
    );
    await eventually(() => good.replies().some(({ kind }) => kind === FrameKind.Done));

    assert.ok(memory.full || attackers.every(({ over }) => over), `held ${highest} bytes`);
    assert.ok(highest <= memory.limitBytes + 128 * KIB, `held ${highest} bytes`);
    for (const client of [...attackers, good]) client.cut();
    assert.equal(memory.heldBytes, 0);
  });
}

test("a worker refuses tasks of the network while the heads of others take up what there is for them", async () => {
  const { bodies, open } = useGate();
  const memory = budgetOf(MIB);
  await using pair = await connect(bodies, { memory, local: false });

  const calls = Array.from({ length: 20 }, () => pair.client.call("wait", [], { tag: "t".repeat(30_000) }));
  const refusals = () => calls.filter(({ outcomes: [first] }) => first?.kind === "refused");
  await eventually(() => refusals().length + pair.worker.starts === calls.length);
  const refused = refusals();
  open();
  await Promise.all(calls.map(({ outcome }) => outcome));
  const later = pair.client.call("size", [new Uint8Array(3)]);

  assert.ok(refused.length >= 10 && refused.length < 20, `${refused.length} refused`);
  assert.equal(await later.value(), 3);
});

/** As calls end that were refused for what they would take up. */
function refusalsOf(calls: readonly RecordedCall[]): number[] {
  return calls.flatMap(({ outcomes: [first] }) => (first?.kind === "refused" ? [first.nack.code] : []));
}

test("a worker counts what bodies were given until they have ended, and refuses what finds no room beside it", async () => {
  const { bodies, open } = useGate();
  const memory = budgetOf(32 * MIB); // 24 MiB for values, of which one caller gets 18
  await using pair = await connect(bodies, { memory, local: false });
  const { client, worker, carriers } = pair;

  const calls = Array.from({ length: 12 }, () => client.call("wait", [new Uint8Array(2 * MIB)]));
  await eventually(() => refusalsOf(calls).length + worker.starts === calls.length);
  const running = memory.argumentBytes;
  const refused = refusalsOf(calls);
  carriers.client.cut();
  await eventually(() => worker.tasks.inFlight === 0);
  const orphaned = memory.argumentBytes;
  open();
  await eventually(() => worker.tasks.active.bodies === 0);

  assert.ok(running > 16 * MIB && running <= 18 * MIB, `counts ${running} bytes`);
  assert.deepEqual(
    refused,
    refused.map(() => NackCode.FULL),
  );
  assert.equal(refused.length, 4);
  assert.equal(orphaned, running, "bodies whose caller is gone still have what they were given");
  assert.deepEqual([memory.argumentBytes, memory.heldBytes], [0, 0]);
});

test("a worker has room for the values of other callers while one keeps as much as it may", async () => {
  const { bodies, open } = useGate();
  const memory = budgetOf(32 * MIB);
  const worker = new TestWorker(bodies, { memory });
  const [bad, good] = [
    await rawClient(worker, { local: false, name: "bad" }),
    await rawClient(worker, { local: false, name: "good" }),
  ];
  const many = payloadOf([Array.from({ length: 20_000 }, () => ({}))]); // 40 times what it is long

  for (let n = 1; n <= 40; n++) {
    bad.inject(
      batchOf((writer) => writer.task(n, headOf({ callable: "wait" }), payloadOf([new Uint8Array(MIB)]))),
    );
  }
  await eventually(() => bad.replies().some(({ kind }) => kind === FrameKind.Nack));
  good.inject(batchOf((writer) => writer.task(1, headOf({ callable: "size" }), many)));
  await eventually(() => good.replies().some(({ kind }) => kind === FrameKind.Done));
  open();
  await eventually(() => worker.tasks.active.bodies === 0);

  assert.equal(memory.argumentBytes, 0);
  for (const client of [bad, good]) client.cut();
});

test("a worker refuses for good what would never find room, before it makes a value of it", async () => {
  const { bodies } = useGate();
  const memory = budgetOf(MIB);
  await using pair = await connect(bodies, { memory, local: false });

  const call = pair.client.call("wait", [Array.from({ length: 200_000 }, () => 1)]);
  await call.outcome;

  assert.deepEqual(refusalsOf([call]), [NackCode.TOO_LARGE]);
  assert.deepEqual([pair.worker.starts, memory.argumentBytes], [0, 0]);
});

test("a worker counts what a generator was sent last, and throws at its yield what finds no room", async () => {
  const memory = budgetOf(4 * MIB); // 3 MiB for values, of which one caller gets 2.25
  const caught: unknown[] = [];
  const bodies = {
    async *keep(): AsyncGenerator<number, number, Uint8Array> {
      let last: Uint8Array = new Uint8Array(0);
      for (;;) {
        try {
          last = (yield last.length) ?? last;
        } catch (error) {
          caught.push((error as { refusal?: unknown }).refusal);
        }
      }
    },
  };
  await using pair = await connect(bodies, { memory, local: false });
  const streams = [1, 2, 3].map(() => pair.client.call("keep", [], { generator: true }));
  for (const stream of streams) await stream.yielded(1);
  const counts: number[] = [];

  for (const stream of streams) {
    for (let n = 0; n < 2; n++) pair.client.session.send(stream.stream, payloadOf(new Uint8Array(MIB)));
    await stream.yielded(3);
    counts.push(Math.floor(memory.argumentBytes / MIB));
  }

  assert.deepEqual(counts, [1, 2, 2]);
  assert.deepEqual(caught, ["FULL", "FULL"]);
  for (const { stream } of streams) pair.client.session.broken(stream, "the test is over");
  await eventually(() => memory.argumentBytes === 0);
});
