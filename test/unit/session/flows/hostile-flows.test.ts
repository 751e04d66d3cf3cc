/** What an end of a flow does for a peer that breaks the rules, or asks for more than it reads. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { callback } from "../../../../src/codec/beside/callback.ts";
import { FlowKind } from "../../../../src/codec/format.ts";
import { MAX_CALLS_UNDER_WAY, MAX_ITEMS_AHEAD } from "../../../../src/session/flows/limits.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { FlowAct } from "../../../../src/wire/messages/flow.ts";
import { NO_PAYLOAD } from "../../../../src/wire/payload.ts";
import { eventually } from "../../../support/eventually.ts";
import { flowPair } from "../../../support/flow-pair.ts";
import { rawClient } from "../../../support/hostile/raw-peers.ts";
import { batchOf, headOf, messageHead, payloadOf, TestWorker } from "../../../support/protocol-peers.ts";

const MOST = 2 ** 32 - 1;

/** Items that are there at once, for as long as somebody wants them. */
function endless(): { readonly items: AsyncIterable<string>; read(): number } {
  let read = 0;
  return {
    items: {
      [Symbol.asyncIterator]: () => ({
        next: async () => ({ value: `${read++}`.padStart(1_000, "x"), done: false }),
      }),
    },
    read: () => read,
  };
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

function pull(number: number, index = 0) {
  return { index, act: FlowAct.Pull, number, taken: 0 };
}

describe("OwnIterable", () => {
  test("lets others have the thread, however much it is asked for and however soon its items are there", async () => {
    const { own } = flowPair({ aheadBytes: MOST });
    const source = endless();
    own.add(source.items, FlowKind.ITERABLE);

    own.take(pull(MOST), NO_PAYLOAD);
    await nextTurn();
    const first = source.read();
    await nextTurn();
    const second = source.read();
    own.end(undefined);

    assert.ok(first >= 1 && first <= MAX_ITEMS_AHEAD + 1, `${first} items in one turn`);
    assert.ok(second > first && second <= 2 * MAX_ITEMS_AHEAD + 1, `${second} items in two`);
  });

  test("asks its source for nothing while the reader's connection is full, and goes on when it is not", async () => {
    const { own, readers, deferred } = flowPair();
    const source = endless();
    own.add(source.items, FlowKind.ITERABLE);
    readers.areFull = true;

    own.take(pull(10), NO_PAYLOAD);
    await nextTurn();
    const whileFull = source.read();
    readers.areFull = false;
    for (const work of deferred) work.resume();
    await eventually(() => source.read() === 10);

    assert.equal(whileFull, 0);
  });

  test("leaves nothing behind that was deferred when its call ends", () => {
    const { own, readers, deferred } = flowPair();
    own.add(endless().items, FlowKind.ITERABLE);
    readers.areFull = true;
    own.take(pull(10), NO_PAYLOAD);
    const before = deferred.size;

    own.end(undefined);

    assert.deepEqual([before, deferred.size], [1, 0]);
  });
});

describe("ReceivedCallback", () => {
  test("leaves no call without an end that is answered by what is no answer", async () => {
    const { pass, received } = flowPair();
    const call = pass<() => Promise<unknown>>(
      callback(() => new Promise(() => {})),
      FlowKind.CALLBACK,
    );
    let ended = false;
    call().catch(() => {
      ended = true;
    });

    const problem = received.take({ index: 0, act: FlowAct.End, number: 1, taken: 0 }, NO_PAYLOAD);
    received.end(() => new Error("over"));
    await nextTurn();

    assert.match(String(problem), /wrong end/);
    assert.equal(ended, true);
  });

  test("takes no answer to a call that it has not sent yet", async () => {
    const { pass, received } = flowPair();
    const call = pass<() => Promise<unknown>>(
      callback(() => new Promise(() => {})),
      FlowKind.CALLBACK,
    );
    for (let n = 0; n <= MAX_CALLS_UNDER_WAY; n++) call().catch(() => {});
    const answer = { index: 0, act: FlowAct.Item, taken: 0 };

    const early = received.take({ ...answer, number: MAX_CALLS_UNDER_WAY + 1 }, payloadOf(1));
    const due = received.take({ ...answer, number: MAX_CALLS_UNDER_WAY }, payloadOf(1));
    received.end(() => new Error("over"));

    assert.match(String(early), /not made/);
    assert.equal(due, undefined);
  });
});

test("a worker reads no stream of an answer for a caller that asks for all of it and reads nothing", async () => {
  const source = endless();
  const worker = new TestWorker({ stream: () => source.items });
  const caller = await rawClient(worker, { local: false });
  caller.inject(batchOf((writer) => writer.task(1, headOf({ callable: "stream" }), payloadOf([]))));
  await eventually(() => caller.replies().some(({ kind }) => kind === FrameKind.Result));
  caller.server.congested = true;

  caller.inject(
    batchOf((writer) =>
      writer.message(1, { ...messageHead(FrameKind.CallerFlow), flow: pull(MOST) }, NO_PAYLOAD),
    ),
  );
  for (let turn = 0; turn < 20; turn++) await nextTurn();
  const unread = source.read();
  caller.server.congested = false;
  await eventually(() => source.read() > 3 * MAX_ITEMS_AHEAD);

  // That the connection is full shows when the first of them leave.
  assert.ok(unread <= MAX_ITEMS_AHEAD + 1, `${unread} items for nobody`);
  caller.cut();
});
