/** Iterables and callbacks of calls that are not sent, refused, or sent where nobody knows what to do with them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { callback } from "../../../../src/codec/beside/callback.ts";
import type { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { FEATURES } from "../../../../src/session/limits.ts";
import { Feature } from "../../../../src/wire/features.ts";
import { createNack } from "../../../../src/wire/messages/nack.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { eventually } from "../../../support/eventually.ts";
import { helloWith } from "../../../support/protocol-peers.ts";
import { useDispatcher } from "../../../support/use-dispatcher.ts";

/** A source that tells whether it has been read or closed. */
function useSource() {
  const state = { read: 0, closed: 0 };
  const source = {
    [Symbol.asyncIterator]: () => source,
    next: async () => ({ value: state.read++, done: state.read > 3 }),
    return: async () => {
      state.closed += 1;
      return { value: undefined, done: true };
    },
  };
  return { source, state };
}

const bodies = {
  sum: async (items: AsyncIterable<number>) => {
    let total = 0;
    for await (const item of items) total += item;
    return total;
  },
  wait: () => new Promise(() => {}),
};

test("a call with an iterable fails before anything is sent to a worker without Flows", async () => {
  await using t = useDispatcher();
  const features = FEATURES.filter((feature) => feature !== Feature.Flows);
  t.add("old", bodies, { hello: helloWith({ features }) });
  await t.ready(1);
  const { source, state } = useSource();

  await assert.rejects(t.call("sum", [[source]]), (error: NotSerializableError) => {
    assert.equal(error.code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal(error.path, "args[0][0]");
    return true;
  });

  assert.deepEqual(state, { read: 0, closed: 1 });
  assert.equal(t.worker("old").tasks.inFlight, 0);
});

test("a call that one worker refuses goes on to the next with its source unread", async () => {
  await using t = useDispatcher({ refusing: { full: createNack(NackCode.DRAINING, "it ends") } });
  t.add("full", {});
  await t.ready(1);
  const { source, state } = useSource();

  const call = t.call("sum", [source]);
  t.add("free", bodies);

  assert.equal(await call, 3);
  assert.deepEqual(state, { read: 4, closed: 0 });
});

test("a call that is cancelled while it waits for a worker closes its source", async () => {
  await using t = useDispatcher();
  const { source, state } = useSource();
  const controller = new AbortController();

  const call = t.call("sum", [source], { signal: controller.signal });
  controller.abort(new Error("no more"));

  await assert.rejects(call, /no more/);
  await assert.rejects(t.call("sum", [source], { signal: controller.signal }), /no more/);
  assert.deepEqual(state, { read: 0, closed: 2 });
});

test("a generator that is returned before its first step closes its source", async () => {
  await using t = useDispatcher();
  const { source, state } = useSource();

  await t.stream("sum", {}, [source]).return(undefined);

  assert.deepEqual(state, { read: 0, closed: 1 });
});

test("a call that may be made twice takes no iterable, and is made once if only its block says so", async () => {
  await using t = useDispatcher({ idempotent: { sum: { retry: { attempts: 2 } } } });
  t.add("w", bodies);
  await t.ready(1);
  const { source, state } = useSource();

  assert.throws(() => t.call("sum", [source]), { code: "ERR_MERINO_INVALID_OPTION" });
  assert.deepEqual(state, { read: 0, closed: 0 });
  assert.equal(await t.call("sum", [source], { retry: false }), 3);
});

test("a call with a key under which answers are kept takes no callback", async () => {
  await using t = useDispatcher({ idempotent: { sum: {} } });

  assert.throws(() => t.call("sum", [callback(() => {})], { idempotencyKey: "one" }), {
    code: "ERR_MERINO_INVALID_OPTION",
  });
});

test("a call to one worker of many takes callbacks, and no iterable", async () => {
  await using t = useDispatcher();
  t.add("w", { sum: async (call: () => Promise<number>) => call() });
  await t.ready(1);

  assert.equal(await t.callOnly("w", "sum", [callback(() => 7)]), 7);
  assert.throws(() => t.callOnly("w", "sum", [useSource().source]), { code: "ERR_MERINO_NOT_SERIALIZABLE" });
});

test("a call whose connection is cut closes its source", async () => {
  await using t = useDispatcher();
  t.add("w", { sum: async (items: AsyncIterator<number>) => items.next().then(() => new Promise(() => {})) });
  await t.ready(1);
  const { source, state } = useSource();

  const call = t.call("sum", [source]);
  const lost = assert.rejects(call, { code: "ERR_MERINO_WORKER_LOST" });
  await eventually(() => state.read === 1);
  t.carrier("w").cut();

  await lost;
  assert.equal(state.closed, 1);
});
