/**
 * Goes over the frames of a batch in place, one after the other. It tells a frame whose bytes are broken (kind
 * `Malformed`, the batch goes on) from a batch whose bytes are broken (a thrown `ProtocolError`, since nobody
 * can tell where the next frame begins). `frame-reader.ts` reads the content of a frame.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import { FieldScanner, fieldNumbers } from "../protobuf/field-scanner.ts";
import { BatchTag } from "../tags.ts";
import { FrameReader } from "./frame-reader.ts";

const FIELDS = fieldNumbers(BatchTag);

/**
 * A cursor over the frames of one batch after another: itself the reader of the current one.
 *
 * @example
 * reader.reset(bytes, 0, bytes.length);
 * while (reader.next()) {
 *   if (reader.kind === FrameKind.Done) settle(reader.stream, reader.payloadStart, reader.payloadEnd);
 * }
 */
export class BatchReader extends FrameReader {
  readonly #scanner = new FieldScanner();
  #position = 0;
  #end = 0;

  /** Goes to the beginning of the batch in the given range. */
  reset(bytes: Uint8Array, start: number, end: number): void {
    this.bytes = bytes;
    this.#position = start;
    this.#end = end;
    this.clear();
  }

  /**
   * Goes to the next frame.
   *
   * @returns `false` at the end of the batch.
   * @throws ProtocolError if the bytes between frames are broken; the batch cannot be read on.
   */
  next(): boolean {
    const scanner = this.#scanner;
    scanner.reset(this.bytes, this.#position, this.#end);
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === BatchTag.Frames) {
        const length = scanner.length();
        if (scanner.problem !== "") break;
        const start = scanner.position;
        this.#position = start + length;
        this.read(start, this.#position);
        return true;
      }
      scanner.skipUnknown(tag, FIELDS);
    }
    this.clear();
    this.#position = this.#end;
    if (scanner.problem !== "") throw new ProtocolError(`Cannot read a batch: ${scanner.problem}`);
    return false;
  }
}
