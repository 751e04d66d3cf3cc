/** What the reader of an iterable learns when its call ends before it has read all that has come, and what it keeps at most. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Callback, callback } from "../../../../src/codec/beside/callback.ts";
import { FlowKind } from "../../../../src/codec/format.ts";
import { FlowAct } from "../../../../src/wire/messages/flow.ts";
import { flowPair } from "../../../support/flow-pair.ts";
import { payloadOf } from "../../../support/protocol-peers.ts";

async function* upTo(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n;
}

/** As many turns of the loop as anything here takes. */
async function turns(): Promise<void> {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setImmediate(resolve));
}

test("ReceivedIterable ends with an error, and not as if it were whole, when what has come ahead is dropped", async () => {
  const { pass, received, kept, awaited } = flowPair();
  const items = pass<AsyncIterableIterator<number>>(upTo(4), FlowKind.ITERABLE);
  for (let n = 0; n < 2; n++) await items.next();
  await turns();
  assert.ok(kept() > 0);

  received.end((what) => new Error(what));

  await assert.rejects(items.next(), /read the iterable/);
  assert.deepEqual(await items.next(), { value: undefined, done: true });
  assert.deepEqual([kept(), awaited()], [0, 0]);
});

test("ReceivedIterable may be read to its end when only what is open is ended", async () => {
  const { pass, received } = flowPair();
  const whole = pass<AsyncIterableIterator<number>>(upTo(4), FlowKind.ITERABLE);
  const open = pass<AsyncIterableIterator<number>>(upTo(400), FlowKind.ITERABLE);
  for (let n = 0; n < 3; n++) await Promise.all([whole.next(), open.next()]);
  await turns();

  received.endOpen((what) => new Error(what));

  assert.deepEqual(await whole.next(), { value: 3, done: false });
  assert.deepEqual(await whole.next(), { value: undefined, done: true });
  await assert.rejects(open.next(), /read the iterable/);
});

test("ReceivedIterable keeps no more than its window and two items, whatever was asked for", async () => {
  const { received, kept } = flowPair({ aheadBytes: 1_000 });
  const items = received.flowOf(FlowKind.ITERABLE, 0) as AsyncIterableIterator<Uint8Array>;
  const head = { index: 0, act: FlowAct.Item, number: 0, taken: 0 };
  const send = (): string | undefined => received.take(head, payloadOf(new Uint8Array(900)));
  for (let n = 0; n < 5; n++) {
    const next = items.next();
    send();
    await next;
  }

  const answers = Array.from({ length: 4 }, send);

  assert.deepEqual(answers, [
    undefined,
    undefined,
    undefined,
    "more bytes of an iterable than its reader takes ahead",
  ]);
  assert.equal(kept(), 3);
});

test("Flows that are used after their call do not end the process, whether anybody awaits that or not", async () => {
  const { pass, received, awaited } = flowPair();
  const call = pass<Callback<[unknown], unknown>>(
    callback(() => {}),
    FlowKind.CALLBACK,
  );
  const items = pass<AsyncIterableIterator<number>>(upTo(3), FlowKind.ITERABLE);
  const read = pass<AsyncIterableIterator<number>>(upTo(3), FlowKind.ITERABLE);
  await read.next();
  void call(() => {}); // it cannot be sent
  received.end((what) => new Error(what));

  void call(1);
  void items.next();
  void read.next();
  await turns(); // the runner fails the file for an unhandled rejection

  await assert.rejects(call(2), /call the callback/);
  assert.deepEqual(await items.next(), { value: undefined, done: true });
  assert.equal(awaited(), 0);
});

test("ReceivedIterable does not let an item that cannot be read end the process", async () => {
  const { received } = flowPair();
  const items = received.flowOf(FlowKind.ITERABLE, 0) as AsyncIterableIterator<unknown>;
  const broken = { ...payloadOf(1), bytes: Buffer.from([0xc1]), start: 0, end: 1 };
  const item = { index: 0, act: FlowAct.Item, number: 0, taken: 0 };

  void items.next();
  received.take(item, broken);
  await turns();

  assert.deepEqual(await items.next(), { value: undefined, done: true });
});
