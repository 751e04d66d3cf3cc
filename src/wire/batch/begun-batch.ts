/**
 * Looks at the beginning of a batch whose end has not come: whether what is missing is data of one chunk, its last frame.
 * Such data need not be collected first, and can be read to where they belong. Nothing is judged here: of whatever is
 * not exactly so the whole batch is waited for.
 */
import { ChunkReader } from "../messages/chunk.ts";
import { FieldScanner } from "../protobuf/field-scanner.ts";
import { BatchTag, FrameTag } from "../tags.ts";
import { PayloadReader } from "./payload-reader.ts";

/** A cursor at the beginning of one batch after another. */
export class BegunBatch {
  /** Where the frame of the chunk begins; the frames before it are whole. */
  frameStart = 0;
  stream = 0;
  readonly chunk: ChunkReader = new ChunkReader();
  /** Where the chunk's data begin, and where they would end. */
  readonly data: PayloadReader = new PayloadReader();
  readonly #scanner = new FieldScanner();

  /**
   * Goes to a beginning.
   *
   * @param end Where the bytes end that have come.
   * @param batchEnd Where the batch would end.
   * @returns Whether all that is missing is data of one chunk.
   */
  read(bytes: Uint8Array, start: number, end: number, batchEnd: number): boolean {
    const scanner = this.#scanner;
    // What lies behind the end may be anything, and is given up as soon as the position is beyond it.
    scanner.reset(bytes, start, batchEnd);
    for (;;) {
      this.frameStart = scanner.position;
      if (scanner.tag() !== BatchTag.Frames) return false;
      const length = scanner.length();
      const frameEnd = scanner.position + length;
      if (scanner.problem !== "" || scanner.position >= end) return false;
      if (frameEnd > end) return frameEnd === batchEnd && this.#isChunk(end);
      scanner.position = frameEnd;
    }
  }

  #isChunk(end: number): boolean {
    const scanner = this.#scanner;
    this.chunk.clear();
    this.data.clear();
    if (scanner.tag() !== FrameTag.Stream) return false;
    this.stream = scanner.uint32();
    if (scanner.tag() !== FrameTag.Chunk) return false;
    scanner.length();
    this.chunk.read(scanner, this.data);
    // The head is all there, and nothing follows the data.
    return scanner.problem === "" && this.data.end === scanner.end && this.data.start <= end;
  }
}
