import assert from "node:assert/strict";
import { test } from "node:test";
import { BegunBatch } from "../../../../src/wire/batch/begun-batch.ts";
import { BatchWriter } from "../../../../src/wire/batch/writer.ts";

const DATA = Buffer.alloc(100, 7);

/** A batch without headroom: what `write` writes, then a chunk with its data. */
function batchWith(write: (writer: BatchWriter) => void, stream = 5): Buffer {
  const writer = new BatchWriter();
  write(writer);
  writer.chunkHead(stream, { part: 1, total: 300, last: false, dataLength: DATA.length });
  return Buffer.concat([writer.take().subarray(BatchWriter.HEADROOM), DATA]);
}

/** How much of a batch has to have come before its chunk is known. */
function knownFrom(bytes: Buffer): number {
  const begun = new BegunBatch();
  for (let end = 0; end < bytes.length; end++) if (begun.read(bytes, 0, end, bytes.length)) return end;
  return -1;
}

test("BegunBatch knows a chunk as soon as its head has come, and not before", () => {
  const bytes = batchWith(() => {});
  const begun = new BegunBatch();

  const from = knownFrom(bytes);
  const known = Array.from({ length: DATA.length }, (_, more) =>
    begun.read(bytes, 0, from + more, bytes.length),
  );

  assert.equal(from, bytes.length - DATA.length);
  assert.deepEqual(new Set(known), new Set([true]));
  assert.deepEqual([begun.frameStart, begun.stream], [0, 5]);
  assert.deepEqual([begun.chunk.part, begun.chunk.total, begun.chunk.last], [1, 300, false]);
  assert.deepEqual([begun.data.start, begun.data.end], [from, bytes.length]);
});

test("BegunBatch says where the chunk's frame begins behind other frames", () => {
  const alone = batchWith(() => {});
  const bytes = batchWith((writer) => {
    writer.next(7);
    writer.window(0, 1_000_000);
  });
  const begun = new BegunBatch();

  const found = begun.read(bytes, 0, bytes.length - 1, bytes.length);

  assert.equal(found, true);
  assert.equal(begun.frameStart, bytes.length - alone.length);
});

test("BegunBatch knows no chunk where more is missing than its data", () => {
  const whole = batchWith(() => {});
  const behind = new BatchWriter();
  behind.next(9);
  const cases = {
    "a frame behind the chunk": Buffer.concat([whole, behind.take().subarray(BatchWriter.HEADROOM)]),
    "a chunk on the connection": batchWith(() => {}, 0),
    "no chunk": (() => {
      const writer = new BatchWriter();
      writer.define({ kind: 1, index: 1, value: DATA, location: "" });
      return Buffer.from(writer.take().subarray(BatchWriter.HEADROOM));
    })(),
    "no batch": Buffer.alloc(120, 0xff),
  };

  for (const [what, bytes] of Object.entries(cases)) assert.equal(knownFrom(bytes), -1, what);
});

test("BegunBatch bears what lies behind the bytes that have come", () => {
  const bytes = batchWith(() => {});
  const begun = new BegunBatch();
  const head = bytes.length - DATA.length;

  for (let end = 0; end < head; end++) {
    for (const behind of [0x00, 0x0a, 0x80, 0xff]) {
      const spoilt = Buffer.concat([bytes.subarray(0, end), Buffer.alloc(bytes.length - end, behind)]);
      assert.equal(begun.read(spoilt, 0, end, bytes.length), false);
      assert.equal(begun.read(spoilt.subarray(0, end), 0, end, bytes.length), false);
    }
  }
});
