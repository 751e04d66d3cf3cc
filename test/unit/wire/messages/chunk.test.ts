/** The head of a chunk with data behind it is one whole batch. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import fc from "fast-check";
import { CHUNK_SIZE } from "../../../../src/session/limits.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../../../src/wire/batch/writer.ts";
import { BatchSchema } from "../../../../src/wire/gen/wire_pb.ts";
import { encodeChunkHead } from "../../../support/chunk-head.ts";
import { anyFrame, bindBatch, readBatch } from "../frame-model.ts";

const { HEADROOM } = BatchWriter;

test("encodeChunkHead gives, with the data behind it, the batch that the bindings read", () => {
  const reader = new BatchReader();
  const chunks = anyFrame().filter((frame) => frame.kind === "Chunk");
  fc.assert(
    fc.property(chunks, (chunk) => {
      const { stream, part, total, last, data } = chunk;

      const head = encodeChunkHead(stream, part, total, last, data.length);
      const batch = Buffer.concat([head.subarray(HEADROOM), data]);

      assert.deepEqual(fromBinary(BatchSchema, Uint8Array.from(batch)), bindBatch([chunk]));
      assert.deepEqual(readBatch(reader, batch), [chunk]);
    }),
    { numRuns: 300 },
  );
});

test("encodeChunkHead measures the data without seeing it", () => {
  const reader = new BatchReader();
  const data = new Uint8Array(CHUNK_SIZE).fill(9);

  const head = encodeChunkHead(7, 1, 3 * CHUNK_SIZE, false, data.length);
  const batch = Buffer.concat([head.subarray(HEADROOM), data]);

  const [chunk] = readBatch(reader, batch);
  assert.deepEqual(chunk, { kind: "Chunk", stream: 7, part: 1, total: 3 * CHUNK_SIZE, last: false, data });
});
