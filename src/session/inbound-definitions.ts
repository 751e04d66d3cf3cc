/**
 * The peer's definitions on one connection, by kind and index. It does not interpret a definition. An
 * index means the same for as long as the connection lasts.
 */
import { ProtocolError } from "../errors/protocol-error.ts";
import type { Define } from "../wire/frames.ts";

/** The highest kind that a Define frame can have. */
const MAX_KIND = 255;

/** Bytes that the definitions of one connection may hold: room for as many of usual length as may be made. */
const MAX_DEFINED_BYTES = 32 * 1024 * 1024;

/** The definitions that have come. */
export class InboundDefinitions {
  readonly #maxDefines: number;
  readonly #defines = new Map<number, Define>();
  #bytes = 0;

  /** @param maxDefines The highest index, which this side has announced. */
  constructor(maxDefines: number) {
    this.#maxDefines = maxDefines;
  }

  get(kind: number, index: number): Define | undefined {
    return this.#defines.get(defineKey(kind, index));
  }

  /** @throws {@link ProtocolError} for an index out of bounds, or one in use, or more than this side can keep. */
  add(define: Define): void {
    const key = defineKey(define.kind, define.index);
    if (define.index === 0 || define.index > this.#maxDefines || define.kind > MAX_KIND) {
      throw new ProtocolError(
        `A definition with the index ${define.index}, beyond the limit of ${this.#maxDefines}`,
      );
    }
    if (this.#defines.has(key)) throw new ProtocolError(`The index ${define.index} was defined twice`);
    this.#bytes += sizeOf(define);
    if (this.#bytes > MAX_DEFINED_BYTES) {
      throw new ProtocolError(`Definitions of more than ${MAX_DEFINED_BYTES} bytes on one connection`);
    }
    this.#defines.set(key, define);
  }
}

/** About the bytes that it takes up. */
function sizeOf({ value, location, origin }: Define): number {
  const own = value.length + location.length;
  if (origin === undefined) return own;
  return (
    own + origin.copy.length + origin.packageVersion.length + origin.scriptHash.length + origin.path.length
  );
}

function defineKey(kind: number, index: number): number {
  return kind * 2 ** 32 + index;
}
