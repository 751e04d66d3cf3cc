/** The writer against the generated bindings, and the memory of its batches. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { MAX_CALLERS, type TaskFields } from "../../../../src/wire/frames.ts";
import { BatchSchema } from "../../../../src/wire/gen/wire_pb.ts";
import { NO_PAYLOAD } from "../../../../src/wire/payload.ts";
import { TaskFlag } from "../../../../src/wire/task/flags.ts";
import { messageHead, payloadFrom } from "../../../support/protocol-peers.ts";
import { anyFrame, bindBatch, type FrameModel, readBatch, writeFrame } from "../frame-model.ts";

const { HEADROOM } = BatchWriter;
const PLAIN_TASK: TaskFields = {
  routineRef: 1,
  callable: undefined,
  proxyRef: 0,
  flags: TaskFlag.NextImplied,
  budgetUs: 0,
  credit: 0,
  parts: 0,
  tag: undefined,
  callers: undefined,
  trace: undefined,
  origin: undefined,
};

function anyWrittenFrame(): fc.Arbitrary<Exclude<FrameModel, { kind: "Chunk" }>> {
  return anyFrame().filter((frame) => frame.kind !== "Chunk");
}

test("BatchWriter writes the bytes that the bindings write", () => {
  fc.assert(
    fc.property(fc.array(anyWrittenFrame(), { maxLength: 6 }), (frames) => {
      const writer = new BatchWriter();

      for (const frame of frames) writeFrame(writer, frame);
      const length = writer.length;
      const batch = writer.take();

      assert.equal(batch.length, length + HEADROOM);
      const expected = toBinary(BatchSchema, bindBatch(frames));
      assert.equal(
        Buffer.from(batch.subarray(HEADROOM)).toString("hex"),
        Buffer.from(expected).toString("hex"),
      );
    }),
    { numRuns: 1_000 },
  );
});

test("BatchWriter leaves the payload of a detached message or task to its parts", () => {
  const writer = new BatchWriter();
  const payload = new Uint8Array(20).fill(0xee);

  writer.task(1, { ...PLAIN_TASK, flags: TaskFlag.Detached, parts: 1 }, payloadFrom(payload));
  writer.message(1, messageHead(FrameKind.Result, { parts: 2, detached: true }), payloadFrom(payload));
  const batch = writer.take();

  assert.equal(batch.subarray(HEADROOM).includes(0xee), false);
  const reader = new BatchReader();
  reader.reset(batch, HEADROOM, batch.length);
  const parts: number[] = [];
  while (reader.next()) parts.push(reader.payload.parts);
  assert.deepEqual(parts, [1, 2]);
});

test("BatchWriter copies the given range only, and at once", () => {
  const writer = new BatchWriter();
  const reader = new BatchReader();
  const payload = Uint8Array.from({ length: 200 }, (_, at) => at);

  writer.message(1, messageHead(FrameKind.Send), payloadFrom(payload, 3, 6));
  writer.message(1, messageHead(FrameKind.Send), payloadFrom(payload, 10, 190));
  payload.fill(0xff);
  const batch = writer.take();

  const dumps = readBatch(reader, batch, HEADROOM).map((frame) =>
    frame.kind === "Send" ? [...frame.dump] : [],
  );
  assert.deepEqual(dumps, [[3, 4, 5], Array.from({ length: 180 }, (_, at) => at + 10)]);
});

test("BatchWriter cuts a chain of callers to the nearest ones", () => {
  const writer = new BatchWriter();
  const reader = new BatchReader();
  const callers = Array.from({ length: MAX_CALLERS + 8 }, (_, at) => ({
    id: `task-${at}`,
    routine: "a/b.ts#c",
    tag: undefined,
  }));

  writer.task(1, { ...PLAIN_TASK, callers }, NO_PAYLOAD);
  const batch = writer.take();

  reader.reset(batch, HEADROOM, batch.length);
  assert.equal(reader.next(), true);
  assert.deepEqual(reader.task.callers(), callers.slice(0, MAX_CALLERS));
});

test("BatchWriter replaces lone surrogates, in short texts as in long ones", () => {
  for (const length of [1, 39, 40, 41, 200]) {
    const writer = new BatchWriter();
    const reader = new BatchReader();
    const lone = `${"x".repeat(length - 1)}\ud800`;

    writer.reset(5, 1, lone);
    const batch = writer.take();

    reader.reset(batch, HEADROOM, batch.length);
    assert.equal(reader.next(), true);
    assert.equal(reader.resetInfo().detail, `${"x".repeat(length - 1)}\ufffd`);
  }
});

test("BatchWriter never rewrites a batch that it has given away", () => {
  const writer = new BatchWriter();
  const reader = new BatchReader();
  const sizes = [1, 10, 100, 5_000, 20_000, 63_000, 70_000, 300_000, 3];
  const batches: { readonly batch: Uint8Array; readonly copy: Buffer; readonly sizes: number[] }[] = [];

  for (let round = 0; round < 60; round++) {
    const written: number[] = [];
    for (let count = round % 5; count >= 0; count--) {
      const size = sizes[(round * 7 + count) % sizes.length] as number;
      writer.message(round + 1, messageHead(FrameKind.Done), payloadFrom(new Uint8Array(size).fill(round)));
      written.push(size);
    }
    const batch = writer.take();
    batch.fill(0, 0, HEADROOM);
    batches.push({ batch, copy: Buffer.from(batch), sizes: written });
  }

  for (const [round, { batch, copy, sizes: written }] of batches.entries()) {
    assert.equal(copy.equals(batch), true);
    const frames = readBatch(reader, batch, HEADROOM);
    assert.deepEqual(
      frames.map((frame) => (frame.kind === "Done" ? [frame.stream, frame.dump.length, frame.dump[0]] : [])),
      written.map((size) => [round + 1, size, round]),
    );
  }
});

test("BatchWriter takes little memory for a connection that says little, and more for one that says much", () => {
  const writer = new BatchWriter();
  const memoryAfter = (pings: number): number => {
    for (let token = 1; token <= pings; token++) writer.ping(token);
    return writer.take().buffer.byteLength;
  };

  const memory = [20, 1_000, 3_000, 100].map(memoryAfter);

  assert.deepEqual(memory, [1_024, 16 * 1_024, 64 * 1_024, 64 * 1_024]);
});

test("BatchWriter keeps no oversized memory and allocates no slab for a small batch", () => {
  const writer = new BatchWriter();

  writer.next(1);
  const first = writer.take();
  writer.next(2);
  const second = writer.take();
  writer.message(3, messageHead(FrameKind.Done), payloadFrom(new Uint8Array(1_000_000)));
  const large = writer.take();
  writer.next(4);
  const after = writer.take();

  assert.equal(first.buffer, second.buffer);
  assert.equal(second.byteOffset, first.byteOffset + first.length);
  assert.notEqual(after.buffer, large.buffer);
  assert.ok(after.buffer.byteLength <= 65_536);
});

test("BatchWriter gives an empty batch when nothing was written", () => {
  const writer = new BatchWriter();

  const batches = [writer.take(), writer.take()];

  assert.equal(writer.length, 0);
  assert.deepEqual(
    batches.map((batch) => batch.length),
    [HEADROOM, HEADROOM],
  );
});

test("BatchWriter writes every kind that the reader knows, chunks apart", () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(anyFrame(), (frame) => {
      seen.add(frame.kind);
    }),
    { numRuns: 3_000 },
  );

  const kinds = Object.keys(FrameKind).filter((kind) => kind !== "Malformed" && kind !== "Unknown");
  assert.deepEqual([...seen].sort(), kinds.sort());
});
