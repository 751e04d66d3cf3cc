/** Iterables in the answers of calls: what ends them, and what a worker cannot make of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import type { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { processReferences } from "../../../../src/routine/process-references.ts";
import { FEATURES } from "../../../../src/session/limits.ts";
import { Feature } from "../../../../src/wire/features.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { FlowAct } from "../../../../src/wire/messages/flow.ts";
import { eventually } from "../../../support/eventually.ts";
import { connect, helloWith, messageHead, payloadOf } from "../../../support/protocol-peers.ts";
import { useDispatcher } from "../../../support/use-dispatcher.ts";

/** A source without end, that tells how often it has been read and closed. */
function useSource() {
  const state = { read: 0, closed: 0 };
  const source = {
    [Symbol.asyncIterator]: () => source,
    next: async () => ({ value: state.read++, done: false }),
    return: async () => {
      state.closed += 1;
      return { value: undefined, done: true };
    },
  };
  return { source, state };
}

test("an answer whose connection is cut ends for its reader with what happened, and closes the source", async () => {
  await using t = useDispatcher();
  const { source, state } = useSource();
  t.add("w", { items: async () => source });
  await t.ready(1);

  const items = (await t.call("items")) as AsyncIterator<number>;
  assert.deepEqual(await items.next(), { value: 0, done: false });
  assert.equal(t.worker("w").tasks.inFlight, 1);
  t.carrier("w").cut();

  await assert.rejects(items.next(), { code: "ERR_MERINO_WORKER_LOST" });
  await eventually(() => state.closed === 1 && t.worker("w").tasks.inFlight === 0);
});

test("an answer that comes after its call was cancelled is closed unread", async () => {
  await using t = useDispatcher();
  const { source, state } = useSource();
  const { promise: gate, resolve: open } = createDeferred<void>();
  t.add("w", { items: () => gate.then(() => source) });
  await t.ready(1);
  const controller = new AbortController();

  const call = t.call("items", [], { signal: controller.signal });
  await eventually(() => t.worker("w").tasks.inFlight === 1);
  controller.abort(new Error("no more"));
  await assert.rejects(call, /no more/);
  open();

  await eventually(() => state.closed === 1 && t.worker("w").tasks.inFlight === 0);
  assert.equal(state.read, 0);
});

test("an answer whose caller is gone before it comes is closed unread", async () => {
  await using t = useDispatcher();
  const { source, state } = useSource();
  const { promise: gate, resolve: open } = createDeferred<void>();
  t.add("w", { items: () => gate.then(() => source) });
  await t.ready(1);

  const call = t.call("items");
  await eventually(() => t.worker("w").tasks.inFlight === 1);
  t.carrier("w").cut();
  await assert.rejects(call, { code: "ERR_MERINO_WORKER_LOST" });
  open();

  await eventually(() => state.closed === 1 && t.worker("w").tasks.inFlight === 0);
});

test("an answer has at most 256 iterables, which are closed when it has more", async () => {
  await using t = useDispatcher();
  const { state } = useSource();
  const sources = Array.from({ length: 257 }, () => ({
    ...useSource().source,
    return: async () => ++state.closed,
  }));
  t.add("w", {
    items: async () =>
      sources.map((source) => Object.assign(source, { [Symbol.asyncIterator]: () => source })),
  });
  await t.ready(1);

  await assert.rejects(t.call("items"), { code: "ERR_MERINO_NOT_SERIALIZABLE", path: "result[256]" });

  assert.equal(t.worker("w").tasks.inFlight, 0);
  await eventually(() => state.closed === 256);
});

test("a caller without Flows is refused an answer with an iterable, with its path", async () => {
  const features = FEATURES.filter((feature) => feature !== Feature.Flows);
  async function* items(): AsyncGenerator<number> {
    yield 1;
  }
  await using pair = await connect(
    { items: async () => [items()] },
    { clientHello: helloWith({ features }) },
  );

  const outcome = await pair.client.call("items").outcome;

  const { code, path } = (outcome.kind === "exception" ? outcome.error : outcome) as NotSerializableError;
  assert.deepEqual([code, path], ["ERR_MERINO_NOT_SERIALIZABLE", "result[0]"]);
});

test("a worker that answers a function with a Result and no stream in it breaks the stream", async () => {
  await using t = useDispatcher({
    answering: {
      w: (writer, stream) => writer.message(stream, messageHead(FrameKind.Result), payloadOf([1])),
    },
  });
  t.add("w", {});
  await t.ready(1);

  await assert.rejects(t.call("items"), { code: "ERR_MERINO_PROTOCOL" });
});

test("a worker that answers a function with two Results, or sends items unasked, breaks the stream for its reader", async () => {
  for (const more of ["head", "item"]) {
    await using t = useDispatcher({
      answering: {
        w(writer, stream) {
          const head = encodeValue(useSource().source, {
            root: "result",
            references: processReferences,
            flows: { addFlow: () => 0 },
          });
          writer.message(stream, messageHead(FrameKind.Result), head);
          if (more === "head") writer.message(stream, messageHead(FrameKind.Result), payloadOf(1));
          else {
            const flow = { index: 0, act: FlowAct.Item, number: 0, taken: 0 };
            writer.message(stream, messageHead(FrameKind.WorkerFlow, { flow }), payloadOf(1));
          }
        },
      },
    });
    t.add("w", {});
    await t.ready(1);

    const items = (await t.call("items")) as AsyncIterator<number>;

    await assert.rejects(items.next(), { code: "ERR_MERINO_PROTOCOL" });
  }
});
