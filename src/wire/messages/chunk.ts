/** Chunks: the pieces in which a large part crosses a connection, interleaved with other streams' frames. */
import type { PayloadReader } from "../batch/payload-reader.ts";
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { varintSize, writeVarint } from "../protobuf/varint.ts";
import { ChunkTag } from "../tags.ts";

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

/** A piece of a part, without its data. */
export interface ChunkFields {
  /** Number of the part, counted from 0. */
  readonly part: number;
  /** Length of the whole part in bytes; the same in each of its chunks, or 0 after the first. */
  readonly total: number;
  /** Whether this is the part's last chunk. */
  readonly last: boolean;
  readonly dataLength: number;
}

/** Size of the message, data included. */
export function chunkSize({ part, total, last, dataLength }: ChunkFields): number {
  return (
    (part === 0 ? 0 : 1 + varintSize(part)) +
    (total === 0 ? 0 : 1 + varintSize(total)) +
    (last ? 2 : 0) +
    (1 + varintSize(dataLength) + dataLength)
  );
}

/** Writes the message up to its data, which comes last although its number is lower: protobuf allows that. */
export function writeChunkHead(
  out: Uint8Array,
  position: number,
  { part, total, last, dataLength }: ChunkFields,
): void {
  let at = position;
  if (part !== 0) {
    out[at++] = ChunkTag.Part;
    at = writeVarint(out, at, part);
  }
  if (total !== 0) {
    out[at++] = ChunkTag.Total;
    at = writeVarint(out, at, total);
  }
  if (last) {
    out[at++] = ChunkTag.Last;
    out[at++] = 1;
  }
  out[at++] = ChunkTag.Data;
  writeVarint(out, at, dataLength);
}
