/** Writes array buffers and the views on them. Which of them share memory is decided in `binary-sharing.ts`. */
import { types } from "node:util";
import { isClaimed } from "../beside/claims.ts";
import { Extension, PART_THRESHOLD_BYTES, VIEW_KIND_NUMBERS } from "../format.ts";
import { attached, CLAIMED } from "./attachment-writer.ts";
import { BinarySharing, isPooled } from "./binary-sharing.ts";
import { type Encoding, isResizable } from "./encoding.ts";
import { refuseFields, refuseFieldsOfView } from "./own-fields.ts";
import { Step } from "./trail.ts";

const UINT8_KIND = VIEW_KIND_NUMBERS.get("Uint8Array") as number;

/** Writes an `ArrayBuffer`. */
export function writeBuffer(encoding: Encoding, buffer: ArrayBuffer): void {
  if (encoding.wroteReference(buffer)) return;
  refuseFields(encoding, buffer);
  assertAttached(encoding, buffer);
  if (isResizable(buffer)) {
    encoding.refuse("it can be resized, and would arrive with a fixed length; send buffer.slice()");
  }
  encoding.sharing ??= new BinarySharing();
  encoding.sharing.noteBuffer(buffer);
  writeContent(encoding, new Uint8Array(buffer));
}

/** Writes a typed array, `DataView` or `Buffer`. @param name Its class. */
export function writeView(encoding: Encoding, view: ArrayBufferView, name: string): void {
  const kind = VIEW_KIND_NUMBERS.get(name);
  if (kind === undefined) encoding.refuse(`it is a ${name}, a kind of array that this version does not know`);
  if (encoding.wroteReference(view)) return;
  refuseFieldsOfView(encoding, view, name);
  const buffer = view.buffer;
  if (types.isSharedArrayBuffer(buffer)) {
    writeSharedView(encoding, kind, view, buffer);
    return;
  }
  assertAttached(encoding, buffer as ArrayBuffer);
  const start = view.byteOffset;
  const end = start + view.byteLength;
  const pooled = isPooled(view);
  const align = (view as { BYTES_PER_ELEMENT?: number }).BYTES_PER_ELEMENT ?? 1;
  encoding.sharing ??= new BinarySharing();
  encoding.sharing.noteView(buffer as ArrayBuffer, { start, end, align, pooled });
  const span = encoding.sharing.spanOf(buffer as ArrayBuffer, start, end);
  if (span === undefined) {
    writeAlone(encoding, kind, new Uint8Array(buffer as ArrayBuffer, start, view.byteLength));
    return;
  }
  const extension = encoding.openExtension(Extension.VIEW);
  encoding.enter(Step.PROPERTY);
  encoding.writeNumber(kind);
  encoding.writeNumber(start - span.start);
  encoding.writeNumber(view.byteLength);
  const whole = span.start === 0 && span.end === buffer.byteLength;
  if (!encoding.wroteReference(whole ? buffer : span)) {
    writeContent(encoding, new Uint8Array(buffer as ArrayBuffer, span.start, span.end - span.start));
  }
  encoding.leave();
  encoding.closeExtension(extension);
}

/** Writes a view of shared memory, all of which passes: what each thread writes there, the other sees. */
function writeSharedView(
  encoding: Encoding,
  kind: number,
  view: ArrayBufferView,
  memory: SharedArrayBuffer,
): void {
  if (encoding.options.attaches !== true) {
    encoding.refuse(
      "its memory is a SharedArrayBuffer, which workers share only in threads of one process; send a copy, such as view.slice()",
    );
  }
  const extension = encoding.openExtension(Extension.VIEW);
  encoding.enter(Step.PROPERTY);
  encoding.writeNumber(kind);
  encoding.writeNumber(view.byteOffset);
  encoding.writeNumber(view.byteLength);
  attached(encoding, memory, SharedArrayBuffer.prototype);
  encoding.leave();
  encoding.closeExtension(extension);
}

function writeAlone(encoding: Encoding, kind: number, bytes: Uint8Array): void {
  const length = bytes.length;
  if (length >= PART_THRESHOLD_BYTES && encoding.options.inline !== true) {
    encoding.writeExtensionHead(Extension.VIEW_PART, 5);
    encoding.bytes[encoding.position] = kind;
    encoding.view.setUint32(encoding.position + 1, encoding.addPart(bytes));
    encoding.position += 5;
    return;
  }
  if (kind === UINT8_KIND) {
    encoding.writeBinaryHead(length);
  } else {
    encoding.writeExtensionHead(Extension.VIEW_BYTES, length + 1);
    encoding.writeByte(kind);
  }
  encoding.writeRaw(bytes);
}

function writeContent(encoding: Encoding, bytes: Uint8Array): void {
  if (bytes.length >= PART_THRESHOLD_BYTES && encoding.options.inline !== true) {
    encoding.writeNumberExtension(Extension.PART, encoding.addPart(bytes));
    return;
  }
  encoding.writeExtensionHead(Extension.BUFFER, bytes.length);
  encoding.writeRaw(bytes);
}

function assertAttached(encoding: Encoding, buffer: ArrayBuffer): void {
  if (isClaimed(buffer)) encoding.refuse(CLAIMED);
  if (buffer.byteLength > 0) return;
  try {
    new Uint8Array(buffer);
  } catch {
    encoding.refuse("its memory was transferred away (detached)");
  }
}
