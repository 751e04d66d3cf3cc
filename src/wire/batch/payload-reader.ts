/**
 * Reads where the payload of a frame lies, and what of it follows in chunks. The same for a message, a Task's
 * arguments, a chunk's data and the reason of a Cancel; what the bytes say is for the codec.
 */
import { type FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { MessageTag } from "../tags.ts";

const FIELDS = fieldNumbers(MessageTag);

/** A cursor at the payload of one frame after another. */
export class PayloadReader {
  /** Where in the frame's bytes it begins. */
  start = 0;
  /** Where it ends; equal to the start when there is none. */
  end = 0;
  /** Chunked parts that follow on the stream. */
  parts = 0;
  /** Whether the payload itself is part 0, and not in the frame. */
  detached = false;

  /** Reads the Message at the scanner's position. */
  readMessage(scanner: FieldScanner): void {
    const outer = scanner.enter();
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === MessageTag.Dump) this.readBytes(scanner);
      else if (tag === MessageTag.Parts) this.parts = scanner.uint32();
      else if (tag === MessageTag.Detached) this.detached = scanner.flag();
      else scanner.skipUnknown(tag, FIELDS);
    }
    scanner.leave(outer);
  }

  /** Reads a field of bytes. */
  readBytes(scanner: FieldScanner): void {
    const length = scanner.length();
    this.start = length === 0 ? 0 : scanner.position;
    this.end = length === 0 ? 0 : scanner.position + length;
    scanner.position += length;
  }

  /** Forgets the payload. */
  clear(): void {
    this.start = 0;
    this.end = 0;
    this.parts = 0;
    this.detached = false;
  }
}
