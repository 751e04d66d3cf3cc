/** Walks the frames of the worker's batches, as far as the relay of a dispatch looks into them. */
import { FieldScanner } from "../../../wire/protobuf/field-scanner.ts";
import { BatchTag, FrameTag } from "../../../wire/tags.ts";

const NOTHING = new Uint8Array(0);

/** A cursor over the frames of one batch after another, as far as the relay looks into them. */
export class FrameCursor {
  /** The current frame's stream; 0: the connection. */
  stream = 0;
  /** Tag of its body; 0: none. */
  body = 0;
  bodyStart = 0;
  bodyEnd = 0;
  readonly #scanner = new FieldScanner();
  #bytes: Uint8Array = NOTHING;
  #position = 0;
  #end = 0;

  /** Goes to the beginning of the batch in the given range. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.#bytes = bytes;
    this.#position = start;
    this.#end = end;
  }

  /**
   * Goes to the next frame.
   *
   * @returns `false` at the end of the batch.
   * @throws ProtocolError if the batch or the frame cannot be read.
   */
  next(): boolean {
    const scanner = this.#scanner;
    scanner.reset(this.#bytes, this.#position, this.#end);
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag !== BatchTag.Frames) {
        scanner.skip(tag);
        continue;
      }
      const length = scanner.length();
      if (scanner.problem !== "") break;
      const start = scanner.position;
      this.#position = start + length;
      this.#locateBody(start, this.#position);
      return true;
    }
    scanner.assertIntact("Batch");
    return false;
  }

  #locateBody(start: number, end: number): void {
    const scanner = this.#scanner;
    scanner.reset(this.#bytes, start, end);
    this.stream = 0;
    this.body = 0;
    this.bodyStart = end;
    this.bodyEnd = end;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === FrameTag.Stream) {
        this.stream = scanner.uint32();
      } else if ((tag & 7) === 2) {
        const length = scanner.length();
        this.body = tag;
        this.bodyStart = scanner.position;
        this.bodyEnd = scanner.position + length;
        scanner.position = this.bodyEnd;
      } else {
        scanner.skip(tag);
      }
    }
    scanner.assertIntact("Frame");
  }
}
