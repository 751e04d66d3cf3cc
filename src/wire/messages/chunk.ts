/** Chunks: the pieces in which a large part crosses a connection, interleaved with other streams' frames. */
import { Buffer } from "node:buffer";
import { HEADROOM } from "../batch/buffer.ts";
import type { PayloadReader } from "../batch/payload-reader.ts";
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { varintSize, writeVarint } from "../protobuf/varint.ts";
import { BatchTag, ChunkTag, FrameTag } from "../tags.ts";

const FIELDS = fieldNumbers(ChunkTag);

/** A cursor at one chunk after another. */
export class ChunkReader {
  /** Number of the part. */
  part = 0;
  /** Length of the whole part in bytes; 0: not stated. */
  total = 0;
  /** Whether it is the last of its part. */
  last = false;

  /**
   * Reads the message that the scanner has been narrowed to.
   *
   * @param data Told where the data lies.
   */
  read(scanner: FieldScanner, data: PayloadReader): void {
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      switch (tag) {
        case ChunkTag.Part:
          this.part = scanner.uint32();
          break;
        case ChunkTag.Total:
          this.total = scanner.uint53();
          break;
        case ChunkTag.Data:
          data.readBytes(scanner);
          break;
        case ChunkTag.Last:
          this.last = scanner.flag();
          break;
        default:
          scanner.skipUnknown(tag, FIELDS);
      }
    }
  }

  /** Forgets the chunk. */
  clear(): void {
    this.part = 0;
    this.total = 0;
    this.last = false;
  }
}

/**
 * Encodes everything of a chunk's batch that comes before its data, so that a carrier can send head and
 * data one after the other without copying the data.
 *
 * @param stream The stream whose message the part belongs to.
 * @param part Number of the part, counted from 0.
 * @param total Length of the whole part in bytes; the same in each of its chunks, or 0 after the first.
 * @param last Whether this is the part's last chunk.
 * @param dataLength Bytes of data that the caller sends behind the head.
 * @returns {@link HEADROOM} free bytes, then the head.
 */
export function encodeChunkHead(
  stream: number,
  part: number,
  total: number,
  last: boolean,
  dataLength: number,
): Uint8Array {
  const chunk =
    (part === 0 ? 0 : 1 + varintSize(part)) +
    (total === 0 ? 0 : 1 + varintSize(total)) +
    (last ? 2 : 0) +
    (1 + varintSize(dataLength) + dataLength);
  const frame = (stream === 0 ? 0 : 1 + varintSize(stream)) + 1 + varintSize(chunk) + chunk;
  const head = Buffer.alloc(HEADROOM + 1 + varintSize(frame) + frame - dataLength);
  let at = HEADROOM;
  head[at++] = BatchTag.Frames;
  at = writeVarint(head, at, frame);
  if (stream !== 0) {
    head[at++] = FrameTag.Stream;
    at = writeVarint(head, at, stream);
  }
  head[at++] = FrameTag.Chunk;
  at = writeVarint(head, at, chunk);
  if (part !== 0) {
    head[at++] = ChunkTag.Part;
    at = writeVarint(head, at, part);
  }
  if (total !== 0) {
    head[at++] = ChunkTag.Total;
    at = writeVarint(head, at, total);
  }
  if (last) {
    head[at++] = ChunkTag.Last;
    head[at++] = 1;
  }
  // The data is written last although its number is lower, which protobuf allows.
  head[at++] = ChunkTag.Data;
  writeVarint(head, at, dataLength);
  return head;
}
