/** What the relay of a dispatch makes of each message, byte for byte. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { DispatchRelay } from "../../../../../src/transport/listener/dispatch/relay.ts";
import { BatchReader } from "../../../../../src/wire/batch/reader.ts";
import { FrameSchema, RequestSchema, ResponseSchema } from "../../../../../src/wire/gen/wire_pb.ts";
import { version, WIRE_CODEC } from "../../../../../src/wire/version.ts";
import {
  batchAround,
  GRAMMAR,
  RecordedChannel,
  RecordedSink,
  usePlayedWorker,
} from "../../../../support/dispatch-peers.ts";
import { batchOf, helloWith } from "../../../../support/protocol-peers.ts";
import { bytesOf, GOLDEN_ACK, GOLDEN_REQUESTS, GOLDEN_RESPONSES } from "./golden-messages.ts";

function hexOf(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

function plain(hex: string): string {
  return hex.replaceAll(/\s/g, "");
}

for (const { name, hex, message } of GOLDEN_REQUESTS) {
  test(`DispatchRelay puts ${name} into a frame byte for byte`, async () => {
    const bytes = bytesOf(hex);
    const task = hex.startsWith("0a");
    const { channel, relay } = usePlayedWorker();
    const fresh = new RecordedChannel();
    const first = new DispatchRelay(fresh, new RecordedSink());
    const greeting = batchOf((writer) => writer.hello(helloWith({ uid: "w1" })));

    if (task) {
      first.request(bytes);
      first.batch(greeting, 0, greeting.length);
    } else {
      relay.request(bytes);
    }
    await Promise.resolve(); // what comes in one turn leaves together, after it

    const sent = (task ? fresh : channel).batches.at(-1);
    assert.deepEqual(fromBinary(RequestSchema, bytes), create(RequestSchema, message));
    assert.equal(hexOf(toBinary(RequestSchema, create(RequestSchema, message))), plain(hex));
    assert.equal(hexOf(sent ?? new Uint8Array()), hexOf(batchAround(bytes)).replace(/^(.{8})1a/, "$112"));
  });
}

for (const { name, hex, message, original, whole, terminal } of GOLDEN_RESPONSES) {
  for (const [grammar, fields, expected] of [
    ["the original's grammar", {}, original],
    ["the whole grammar", GRAMMAR, whole],
  ] as const) {
    test(`DispatchRelay hands ${name} to a caller with ${grammar} byte for byte`, () => {
      const { channel, sink, play } = usePlayedWorker(fields);
      const refusal = hex.startsWith("12");

      play(batchAround(bytesOf(hex)));

      assert.equal(hexOf(toBinary(ResponseSchema, create(ResponseSchema, message))), plain(hex));
      const seen = [...(refusal ? [] : [GOLDEN_ACK.hex]), ...(expected === "" ? [] : [expected])];
      assert.deepEqual(sink.responses.map(hexOf), seen.map(plain));
      assert.deepEqual(sink.ends, terminal ? ["ok"] : []);
      assert.equal(channel.closes, terminal ? 1 : 0);
    });
  }
}

test("DispatchRelay writes the Ack as the bindings do", () => {
  assert.equal(
    hexOf(toBinary(ResponseSchema, create(ResponseSchema, GOLDEN_ACK.message))),
    plain(GOLDEN_ACK.hex),
  );
});

test("DispatchRelay introduces its caller with the version and codec of the Task and without parts", () => {
  const { channel } = usePlayedWorker({ version: "0.7.1", features: [1, 2, 99] });

  const reader = new BatchReader();
  const [hello, task] = channel.batches;
  reader.reset(hello ?? assert.fail(), 0, hello?.length ?? 0);
  reader.next();
  const frame = fromBinary(FrameSchema, (task ?? assert.fail()).subarray(2));

  const { version: stated, codecs, features } = reader.hello();
  assert.deepEqual({ stated, codecs, features }, { stated: "0.7.1", codecs: [WIRE_CODEC], features: [1] });
  assert.equal(frame.stream, 1);
  assert.equal(channel.batches.length, 2);
});

test("DispatchRelay passes a later Ack on to callers with the whole grammar only", () => {
  for (const [fields, acks] of [
    [{}, 1],
    [GRAMMAR, 2],
  ] as const) {
    const { sink, play } = usePlayedWorker(fields);

    for (let n = 0; n < 2; n++) play(batchOf((writer) => writer.ack(1, version, "w1")));

    assert.deepEqual(sink.kinds, new Array(acks).fill("ack"));
  }
});
