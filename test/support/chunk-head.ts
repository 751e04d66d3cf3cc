/** What a chunk's batch has before its data. */
import { BatchWriter } from "../../src/wire/batch/writer.ts";

/** @returns Headroom, then the head of a chunk whose data follow. */
export function encodeChunkHead(
  stream: number,
  part: number,
  total: number,
  last: boolean,
  dataLength: number,
): Uint8Array {
  const writer = new BatchWriter();
  writer.chunkHead(stream, { part, total, last, dataLength });
  return writer.take();
}
