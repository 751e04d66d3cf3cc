/** Reads array buffers and views. Small ones are copied out of the message; a part's memory becomes the value's own. */

import { VIEW_KINDS } from "../format.ts";
import type { Decoding } from "./decoding.ts";

/** Up to this many bytes a loop is quicker than a view of them. */
const SHORT_BYTES = 64;

interface ViewClass {
  readonly bytesPerElement: number;
  create(buffer: ArrayBufferLike, byteOffset: number, lengthBytes: number): ArrayBufferView;
  /** Makes a view with memory of its own, of the first bytes of `scratch`. The engine keeps it in one piece. */
  readonly copyShort: ((lengthBytes: number) => ArrayBufferView) | undefined;
}

/** Where the bytes of a short view are put together: memory for each, apart from the view, would cost ten times as much. */
const scratch = new Uint8Array(SHORT_BYTES);

type TypedArrayConstructor = {
  readonly BYTES_PER_ELEMENT: number;
  new (elements: ArrayBufferView): ArrayBufferView;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): ArrayBufferView;
};

/** View classes by number; one that this version of Node lacks is `undefined`. */
const VIEW_CLASSES: readonly (ViewClass | undefined)[] = VIEW_KINDS.map((name) => {
  if (name === "DataView") {
    return {
      bytesPerElement: 1,
      create: (buffer, offset, length) => new DataView(buffer, offset, length),
      copyShort: undefined,
    };
  }
  if (name === "Buffer") {
    return {
      bytesPerElement: 1,
      create: (buffer, offset, length) => Buffer.from(buffer, offset, length),
      copyShort: shortBuffer,
    };
  }
  const Constructor = (globalThis as unknown as Record<string, TypedArrayConstructor | undefined>)[name];
  if (Constructor === undefined) return undefined;
  const bytesPerElement = Constructor.BYTES_PER_ELEMENT;
  return {
    bytesPerElement,
    create: (buffer, offset, length) => new Constructor(buffer, offset, length / bytesPerElement),
    copyShort: shortCopies(Constructor),
  };
});

function shortBuffer(lengthBytes: number): Buffer {
  // Not `allocUnsafe`, whose memory others look at.
  const buffer = Buffer.alloc(lengthBytes);
  for (let index = 0; index < lengthBytes; index++) buffer[index] = scratch[index] as number;
  return buffer;
}

/** Copies from views of `scratch`, one for each length. */
function shortCopies(Constructor: TypedArrayConstructor): (lengthBytes: number) => ArrayBufferView {
  const sources: (ArrayBufferView | undefined)[] = new Array<undefined>(SHORT_BYTES + 1).fill(undefined);
  return (lengthBytes) => {
    sources[lengthBytes] ??= new Constructor(scratch.buffer, 0, lengthBytes / Constructor.BYTES_PER_ELEMENT);
    return new Constructor(sources[lengthBytes]);
  };
}

/** Copies bytes of the message into memory of their own. */
function copyOut(decoding: Decoding, lengthBytes: number): Uint8Array<ArrayBuffer> {
  decoding.need(lengthBytes);
  const from = decoding.position;
  decoding.position = from + lengthBytes;
  const copy = new Uint8Array(lengthBytes);
  if (lengthBytes <= SHORT_BYTES) {
    const { bytes } = decoding;
    for (let index = 0; index < lengthBytes; index++) copy[index] = bytes[from + index] as number;
  } else {
    copy.set(decoding.bytes.subarray(from, decoding.position));
  }
  return copy;
}

/** An `ArrayBuffer` whose bytes are in the message. */
export function readBuffer(decoding: Decoding, lengthBytes: number): ArrayBuffer {
  const { buffer } = copyOut(decoding, lengthBytes);
  decoding.register(buffer);
  return buffer;
}

/** An `ArrayBuffer` whose bytes came beside the message. Copied only if the part is a piece of something larger. */
export function readPart(decoding: Decoding, index: number): ArrayBuffer {
  const buffer = wholeBuffer(decoding.takePart(index));
  decoding.register(buffer);
  return buffer;
}

function wholeBuffer(part: Uint8Array): ArrayBuffer {
  const { buffer } = part;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === part.byteLength) return buffer;
  return new Uint8Array(part).buffer;
}

/** A `Uint8Array` in MessagePack's own binary token. */
export function readBytes(decoding: Decoding, lengthBytes: number): Uint8Array {
  const bytes = copyOut(decoding, lengthBytes);
  decoding.register(bytes);
  return bytes;
}

/** A view that shares its memory with no other. */
export function readViewBytes(decoding: Decoding, lengthBytes: number): ArrayBufferView {
  if (lengthBytes < 1) decoding.fail("a view has no kind");
  const viewClass = viewClassOf(decoding, decoding.readByte());
  if ((lengthBytes - 1) % viewClass.bytesPerElement !== 0) decoding.fail("a view ends within an element");
  const view = ownView(decoding, viewClass, lengthBytes - 1);
  decoding.register(view);
  return view;
}

function ownView(decoding: Decoding, viewClass: ViewClass, lengthBytes: number): ArrayBufferView {
  if (lengthBytes > SHORT_BYTES || viewClass.copyShort === undefined)
    return viewClass.create(copyOut(decoding, lengthBytes).buffer, 0, lengthBytes);
  const { bytes, position } = decoding;
  decoding.need(lengthBytes);
  decoding.position = position + lengthBytes;
  for (let index = 0; index < lengthBytes; index++) scratch[index] = bytes[position + index] as number;
  return viewClass.copyShort(lengthBytes);
}

/** A view that shares its part with no other. */
export function readViewPart(decoding: Decoding, lengthBytes: number): ArrayBufferView {
  if (lengthBytes !== 5) decoding.fail("a view has an odd head");
  const viewClass = viewClassOf(decoding, decoding.readByte());
  const part = decoding.takePart(decoding.readUint32());
  if (part.byteLength % viewClass.bytesPerElement !== 0) decoding.fail("a view ends within an element");
  const usable = part.buffer instanceof ArrayBuffer && part.byteOffset % viewClass.bytesPerElement === 0;
  const bytes = usable ? part : new Uint8Array(part);
  const view = viewClass.create(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.byteLength);
  decoding.register(view);
  return view;
}

/** A view that shares its buffer with others: kind, offset, length, then the buffer or a reference to it. */
export function readView(decoding: Decoding): ArrayBufferView {
  const index = decoding.reserve();
  const viewClass = viewClassOf(decoding, decoding.readCount());
  const offset = decoding.readCount();
  const length = decoding.readCount();
  decoding.enter();
  const buffer = decoding.readValue();
  decoding.leave();
  if (!(buffer instanceof ArrayBuffer || buffer instanceof SharedArrayBuffer))
    decoding.fail("a view has no buffer");
  if (offset + length > buffer.byteLength) decoding.fail("a view is larger than its buffer");
  if (offset % viewClass.bytesPerElement !== 0 || length % viewClass.bytesPerElement !== 0) {
    decoding.fail("a view is not aligned");
  }
  const view = viewClass.create(buffer, offset, length);
  decoding.settle(index, view);
  return view;
}

function viewClassOf(decoding: Decoding, kind: number): ViewClass {
  return VIEW_CLASSES[kind] ?? decoding.failHere("it holds a kind of array that this version does not have");
}
