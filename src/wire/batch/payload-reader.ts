/**
 * Reads where the payload of a frame lies, and how many parts follow in chunks. The same for a message, a
 * Task's arguments, a chunk's data and the reason of a Cancel. `codec/` decodes the bytes.
 */
import { type FieldScanner, fieldNumbers, TWICE } from "../protobuf/field-scanner.ts";
import { CancelTag, MessageTag, SignalFiredTag } from "../tags.ts";

const MESSAGE_FIELDS = fieldNumbers(MessageTag);
const CANCEL_FIELDS = fieldNumbers(CancelTag);
const SIGNAL_FIELDS = fieldNumbers(SignalFiredTag);

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
  /** Whether an enclosure has come for it, beside the batches. */
  attached = false;

  /** Reads the Message at the scanner's position. */
  readMessage(scanner: FieldScanner): void {
    const outer = scanner.enter();
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === MessageTag.Dump) this.readBytes(scanner);
      else if (tag === MessageTag.Parts) this.parts = scanner.uint32();
      else if (tag === MessageTag.Detached) this.detached = scanner.flag();
      else if (tag === MessageTag.Attached) this.attached = scanner.flag();
      else scanner.skipUnknown(tag, MESSAGE_FIELDS);
    }
    scanner.leave(outer);
  }

  /** Reads the Cancel at the scanner's position: its reason is the payload. */
  readCancel(scanner: FieldScanner): void {
    const outer = scanner.enter();
    let reasons = 0;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === CancelTag.Reason) this.#readReason(scanner, reasons++);
      else scanner.skipUnknown(tag, CANCEL_FIELDS);
    }
    scanner.leave(outer);
  }

  /** As `readCancel`, of a SignalFired; returns the signal's index. */
  readSignal(scanner: FieldScanner): number {
    const outer = scanner.enter();
    let index = 0;
    let reasons = 0;
    for (let tag = scanner.tag(); tag !== 0; tag = scanner.tag()) {
      if (tag === SignalFiredTag.Index) index = scanner.uint32();
      else if (tag === SignalFiredTag.Reason) this.#readReason(scanner, reasons++);
      else scanner.skipUnknown(tag, SIGNAL_FIELDS);
    }
    scanner.leave(outer);
    return index;
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
    this.attached = false;
  }

  /** @param before How many reasons the message has had already. */
  #readReason(scanner: FieldScanner, before: number): void {
    if (before > 0) scanner.fail(TWICE);
    this.readMessage(scanner);
  }
}
