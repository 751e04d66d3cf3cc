/** Context variables beside the messages of flows: what goes with which, and what does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Callback, callback } from "../../../../src/codec/beside/callback.ts";
import { FlowKind } from "../../../../src/codec/format.ts";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import { currentBranch } from "../../../../src/context/variables/current-branch.ts";
import { fork } from "../../../../src/context/variables/fork.ts";
import type { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { FlowAct } from "../../../../src/wire/messages/flow.ts";
import { flowPair } from "../../../support/flow-pair.ts";
import { payloadOf } from "../../../support/protocol-peers.ts";
import { useWarnings } from "../../../support/use-warnings.ts";

const level = new ContextVar<unknown>("flow-variables.test level");

/** Runs within a branch in which the variable is set; both ends know of it. */
async function inBranch<R>(fn: (pair: ReturnType<typeof flowPair>) => Promise<R>): Promise<R> {
  return await level.run("begun", () => fn(flowPair({ told: currentBranch().bindings })));
}

const told = (sent: ReturnType<typeof flowPair>["sent"]): number =>
  sent.filter(({ variables }) => variables !== undefined).length;

test("messages of flows bring nothing where nothing has changed", async () => {
  await inBranch(async ({ pass, sent, problems }) => {
    const items = pass<AsyncIterable<number>>(
      (async function* () {
        for (let n = 0; n < 100; n++) yield n;
      })(),
      FlowKind.ITERABLE,
    );
    const fn = pass<Callback<[], unknown>>(
      callback(() => level.get()),
      FlowKind.CALLBACK,
    );
    for await (const _item of items);

    assert.equal(await fn(), "begun");
    assert.equal(told(sent), 0);
    assert.deepEqual(problems, []);
  });
});

test("ReceivedCallback tells of a change once", async () => {
  await inBranch(async ({ pass, sent }) => {
    const fn = pass<Callback<[], unknown>>(
      callback(() => level.get()),
      FlowKind.CALLBACK,
    );

    level.set(1);
    assert.deepEqual([await fn(), await fn()], [1, 1]);
    assert.equal(told(sent), 1);
    const inFork = await fork(async () => {
      level.set(2);
      return await fn();
    });
    assert.equal(inFork, 2);
    assert.equal(await fn(), 1);
  });
});

test("ReceivedCallback rejects a call with a variable that cannot travel, and tells it later", async () => {
  await inBranch(async ({ pass, sent }) => {
    const fn = pass<Callback<[unknown?], unknown>>(
      callback(() => level.get()),
      FlowKind.CALLBACK,
    );
    const isNamed = (error: NotSerializableError): boolean =>
      error.code === "ERR_MERINO_NOT_SERIALIZABLE" && error.path.includes("flow-variables.test level");

    level.set(() => {});
    await assert.rejects(fn(), isNamed);
    level.set(3);
    await assert.rejects(
      fn(() => {}),
      { code: "ERR_MERINO_NOT_SERIALIZABLE" },
    );

    assert.deepEqual(sent, []);
    assert.equal(await fn(), 3);
  });
});

test("OwnIterable fails with a variable that cannot travel", async () => {
  await inBranch(async ({ pass }) => {
    const items = pass<AsyncIterator<number>>(
      (async function* () {
        yield 1;
        level.set(() => {});
        yield 2;
      })(),
      FlowKind.ITERABLE,
    );

    assert.deepEqual(await items.next(), { value: 1, done: false });
    await assert.rejects(items.next(), { code: "ERR_MERINO_NOT_SERIALIZABLE" });
  });
});

test("ReceivedIterable leaves behind what its reader has set that cannot travel", async () => {
  using _warnings = useWarnings();
  await inBranch(async ({ pass }) => {
    const items = pass<AsyncIterator<unknown>>(
      (async function* () {
        yield level.get();
      })(),
      FlowKind.ITERABLE,
    );

    level.set(() => {});
    assert.deepEqual(await items.next(), { value: "begun", done: false });
  });
  await new Promise(setImmediate); // for the warning
});

test("ReceivedIterable counts variables that are kept with items, until these are taken or given up", async () => {
  await inBranch(async ({ pass, held, kept }) => {
    const items = pass<AsyncIterableIterator<number>>(
      (async function* () {
        for (let n = 0; n < 1_000; n++) {
          level.set(n);
          yield n;
        }
      })(),
      FlowKind.ITERABLE,
    );
    for (let n = 0; n < 50; n++) await items.next();
    for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));

    assert.equal(level.get(), 49);
    assert.ok(kept() > 0);
    assert.ok(held() >= kept(), `${held()} bytes with ${kept()} items`);
    await items.return?.();
    assert.deepEqual([kept(), held()], [0, 0]);
  });
});

test("an error of the source brings what was set before it", async () => {
  await inBranch(async ({ pass }) => {
    const items = pass<AsyncIterator<number>>(
      (async function* () {
        level.set("failed");
        yield Promise.reject(new RangeError("no"));
      })(),
      FlowKind.ITERABLE,
    );

    await assert.rejects(items.next(), RangeError);
    assert.equal(level.get(), "failed");
  });
});

test("variables that cannot be read break the stream, or fail the item", async () => {
  await inBranch(async ({ own, received }) => {
    const broken = Uint8Array.of(0x0a, 0xff);
    const [index] = [
      own.add(
        callback(() => 1),
        FlowKind.CALLBACK,
      ) as number,
    ];
    const head = { index, act: FlowAct.Call, number: 1, taken: 0 };
    assert.match(String(own.take(head, payloadOf([]), broken)), /ContextChanges/);

    const items = received.flowOf(FlowKind.ITERABLE, 7) as AsyncIterator<unknown>;
    const item = items.next();
    received.take({ index: 7, act: FlowAct.Item, number: 0, taken: 0 }, payloadOf(1), broken);
    await assert.rejects(item, { code: "ERR_MERINO_PROTOCOL" });
  });
});
