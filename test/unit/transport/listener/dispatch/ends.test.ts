/** How a dispatch ends when its worker goes or breaks the protocol, and that it ends once. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GrpcStatus } from "../../../../../src/transport/grpc/status-codes.ts";
import { DispatchRelay } from "../../../../../src/transport/listener/dispatch/relay.ts";
import {
  batchAround,
  RecordedChannel,
  RecordedSink,
  taskOf,
  usePlayedWorker,
} from "../../../../support/dispatch-peers.ts";
import { batchOf, helloWith } from "../../../../support/protocol-peers.ts";
import { bytesOf, GOLDEN_REQUESTS, GOLDEN_RESPONSES } from "./golden-messages.ts";

test("DispatchRelay proves that a task was not started when the worker is gone before its Hello", () => {
  const channel = new RecordedChannel();
  const sink = new RecordedSink();
  const relay = new DispatchRelay(channel, sink);

  relay.request(taskOf("add", [1, 2]));
  relay.closed(new Error("the main thread has ended"));

  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && [end.code, end.metadata]),
    [[GrpcStatus.UNAVAILABLE, { "merino-not-started": "1" }]],
  );
  assert.equal(channel.batches.length, 0);
});

test("DispatchRelay does not claim that a task was not started once it has been sent", () => {
  const { sink, relay } = usePlayedWorker();

  relay.closed(undefined);

  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && [end.code, end.metadata]),
    [[GrpcStatus.UNAVAILABLE, undefined]],
  );
});

test("DispatchRelay believes a GoAway that disowns its stream", () => {
  const { sink, relay, play } = usePlayedWorker();

  play(batchOf((writer) => writer.goAway({ lastStream: 0, code: 0, detail: "", graceMs: 0 })));
  relay.closed(undefined);

  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && end.metadata),
    [{ "merino-not-started": "1" }],
  );
});

test("DispatchRelay takes no GoAway of the greeting for a word about its task", () => {
  const channel = new RecordedChannel();
  const sink = new RecordedSink();
  const relay = new DispatchRelay(channel, sink);
  const greeting = batchOf((writer) => {
    writer.goAway({ lastStream: 0, code: 0, detail: "", graceMs: 0 });
    writer.hello(helloWith());
  });

  relay.request(taskOf("add"));
  relay.batch(greeting, 0, greeting.length);
  relay.closed(undefined);

  assert.equal(sink.code, GrpcStatus.UNAVAILABLE);
  assert.deepEqual(
    sink.ends.map((end) => end !== "ok" && end.metadata),
    [undefined],
  );
});

for (const [what, batch] of [
  ["a Reset", batchOf((writer) => writer.reset(1, 0, "it broke"))],
  ["a batch that cannot be read", Buffer.from([0x0a, 0x50, 0x01])],
  ["a frame that cannot be read", Buffer.from([0x0a, 0x02, 0x08, 0x80])],
  ["a response of an unknown kind", batchAround(Buffer.from([0xc2, 0x3e, 0x00]))],
  ["a chunk", Buffer.from([0x0a, 0x04, 0x08, 0x01, 0x3a, 0x00])],
] as const) {
  test(`DispatchRelay ends a stream with INTERNAL on ${what} of the worker`, () => {
    const { channel, sink, play } = usePlayedWorker();

    play(batch);
    play(batch);

    assert.equal(sink.code, GrpcStatus.INTERNAL);
    assert.equal(sink.ends.length, 1);
    assert.equal(channel.closes, 1);
  });
}

test("DispatchRelay passes over frames of the connection, and of streams that are not its own", () => {
  const { sink, play } = usePlayedWorker();

  play(
    batchOf((writer) => {
      writer.ping(1);
      writer.window(0, 10);
      writer.parked(7, 3);
    }),
  );

  assert.deepEqual(sink.responses, []);
  assert.deepEqual(sink.ends, []);
});

test("DispatchRelay ends each stream once and closes each channel once, whatever comes in whichever order", () => {
  const responses = GOLDEN_RESPONSES.map(({ hex }) => batchAround(bytesOf(hex)));
  const requests = GOLDEN_REQUESTS.map(({ hex }) => bytesOf(hex));
  const event = fc.oneof(
    fc
      .constantFrom(...responses)
      .map((batch) => (relay: DispatchRelay) => relay.batch(batch, 0, batch.length)),
    fc.constantFrom(...requests).map((bytes) => (relay: DispatchRelay) => relay.request(bytes)),
    fc
      .uint8Array({ maxLength: 12 })
      .map((batch) => (relay: DispatchRelay) => relay.batch(batch, 0, batch.length)),
    fc.uint8Array({ maxLength: 12 }).map((bytes) => (relay: DispatchRelay) => relay.request(bytes)),
    fc.constant((relay: DispatchRelay) => relay.halfClosed()),
    fc.constant((relay: DispatchRelay) => relay.cancelled()),
    fc.constant((relay: DispatchRelay) => relay.closed(undefined)),
  );
  let ended = 0;
  fc.assert(
    fc.property(fc.array(event, { maxLength: 12 }), fc.boolean(), (events, greeted) => {
      const channel = new RecordedChannel();
      const sink = new RecordedSink();
      const relay = new DispatchRelay(channel, sink);
      const greeting = batchOf((writer) => writer.hello(helloWith()));
      if (greeted) relay.batch(greeting, 0, greeting.length);

      for (const act of events) act(relay);

      assert.ok(sink.ends.length <= 1);
      assert.ok(channel.closes <= 1);
      ended += sink.ends.length;
      relay.closed(undefined);
      relay.cancelled();
      assert.ok(sink.ends.length <= 1);
    }),
    { numRuns: 3000 },
  );
  assert.ok(ended > 300);
});
