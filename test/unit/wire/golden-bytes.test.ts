/** The table of golden bytes against the writer, the reader and the generated bindings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromBinary } from "@bufbuild/protobuf";
import { BatchReader } from "../../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { BatchSchema } from "../../../src/wire/gen/wire_pb.ts";
import { encodeChunkHead } from "../../support/chunk-head.ts";
import { bindBatch, type FrameModel, readBatch, writeFrame } from "./frame-model.ts";
import { GOLDEN_FRAMES } from "./golden-bytes.ts";

function writeByHand(frame: FrameModel): Uint8Array {
  if (frame.kind === "Chunk") {
    const { stream, part, total, last, data } = frame;
    return Buffer.concat([encodeChunkHead(stream, part, total, last, data.length), data]);
  }
  const writer = new BatchWriter();
  writeFrame(writer, frame);
  return writer.take();
}

for (const { name, hex, frame } of GOLDEN_FRAMES) {
  const bytes = Uint8Array.from(Buffer.from(hex.replaceAll(" ", ""), "hex"));

  test(`the golden bytes of ${name} are what is written and read`, () => {
    const written = writeByHand(frame).subarray(BatchWriter.HEADROOM);
    const read = readBatch(new BatchReader(), bytes);
    const bound = fromBinary(BatchSchema, bytes);

    assert.equal(Buffer.from(written).toString("hex"), Buffer.from(bytes).toString("hex"));
    assert.deepEqual(read, [frame]);
    assert.deepEqual(bound, bindBatch([frame]));
  });
}

test("the golden bytes have a row for every kind of frame", () => {
  const kinds = Object.keys(FrameKind).filter((kind) => kind !== "Malformed" && kind !== "Unknown");

  assert.deepEqual([...new Set(GOLDEN_FRAMES.map(({ frame }) => frame.kind))].sort(), kinds.sort());
});
