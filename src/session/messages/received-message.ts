/**
 * A whole message that has come, as it is handed out: one cursor per connection, which is used again for the
 * next message. It shows the content of one frame, or of a message put together from chunks, and interprets neither.
 */

import { NO_ATTACHMENTS } from "../../codec/beside/attachments.ts";
import type { Source } from "../../identity/taint.ts";
import type { FrameReader } from "../../wire/batch/frame-reader.ts";
import { FrameKind } from "../../wire/frame-kind.ts";
import type { FlowHead } from "../../wire/messages/flow.ts";
import { NO_PARTS, NO_PAYLOAD, type Payload } from "../../wire/payload.ts";
import type { Enclosure, PassedSlab } from "../carrier.ts";
import type { MessageAssembly } from "./message-assembly.ts";
import { releaseSlab, slabBytes } from "./slab.ts";

/** Up to so many bytes, a loop copies faster than a call into native code. */
const SHORT = 48;

/** Whatever payload is kept of a batch of this size, all of it may be; of a larger one, one payload at most keeps it. */
export const SMALL_BATCH = 1024;

/**
 * A cursor at one message after another.
 *
 * The payload is valid only during the call in which the cursor is handed out. A receiver decodes it at once,
 * or keeps the copy from {@link keep}; it never keeps the cursor.
 */
export class ReceivedMessage implements Payload {
  kind: FrameKind = FrameKind.Unknown;
  stream = 0;
  /** Of a response: how long the body occupied the thread, in microseconds; 0: not stated. */
  bodyUs = 0;
  bytes: Uint8Array = NO_PAYLOAD.bytes;
  start = 0;
  end = 0;
  parts: readonly Uint8Array[] = NO_PARTS;
  /** Of a CallerFlow or WorkerFlow: what it is about. */
  flow: FlowHead | undefined;
  /** Objects that have come with it. */
  attachments: readonly unknown[] = NO_ATTACHMENTS;
  #variables: Uint8Array | undefined;
  #variablesStart = 0;
  #variablesEnd = 0;
  /** A payload that was kept lies in the memory of the batch; set back by whoever reads batches. */
  keptInPlace = false;
  /** The carrier over which it has come. */
  readonly source: Source;
  readonly #volatile: boolean;
  /** Whether the bytes lie in memory that is used again after the call. */
  #borrowed = false;
  /** The slab in which they lie, if it is theirs to let go of. */
  #slab: PassedSlab | undefined;

  /** @param carrier The carrier in whose memory frames lie; see `Carrier.volatile`. */
  constructor(carrier: Source & { readonly volatile: boolean }) {
    this.source = carrier;
    this.#volatile = carrier.volatile;
  }

  /** The changes of context variables that have come with it, encoded; `undefined`: there are none. To be kept. */
  get variables(): Uint8Array | undefined {
    if (this.#variablesStart === this.#variablesEnd) return this.#variables;
    return new Uint8Array(this.bytes.subarray(this.#variablesStart, this.#variablesEnd));
  }

  /** Whether there is no value at all. */
  get empty(): boolean {
    return this.start === this.end;
  }

  /** Goes to the message, the arguments or the reason that the frame holds. */
  at(frame: FrameReader): this {
    const { payload } = frame;
    this.kind = frame.kind;
    this.stream = frame.stream;
    this.bodyUs = frame.bodyUs;
    this.bytes = frame.bytes;
    this.start = payload.start;
    this.end = payload.end;
    this.parts = NO_PARTS;
    this.attachments = NO_ATTACHMENTS;
    if (frame.kind >= FrameKind.CallerFlow) this.flow = frame.flow;
    this.#variables = undefined;
    this.#variablesStart = frame.variablesStart;
    this.#variablesEnd = frame.variablesEnd;
    this.#borrowed = this.#volatile;
    return this;
  }

  /** As {@link at}, with what has come for the frame beside the batches. */
  atEnclosed(frame: FrameReader, { parts, slab, attachments }: Enclosure): this {
    this.at(frame);
    this.attachments = attachments;
    if (!frame.payload.detached) {
      this.parts = parts;
      return this;
    }
    if (this.#variablesStart < this.#variablesEnd) {
      this.#variables = new Uint8Array(this.bytes.subarray(this.#variablesStart, this.#variablesEnd));
      this.#variablesStart = 0;
      this.#variablesEnd = 0;
    }
    if (slab === undefined) {
      const [bytes = NO_PAYLOAD.bytes, ...others] = parts;
      this.bytes = bytes;
      this.start = 0;
      this.end = bytes.length;
      this.parts = others;
      this.#borrowed = false;
    } else {
      this.bytes = slabBytes(slab);
      this.start = slab.start;
      this.end = slab.end;
      this.parts = parts;
      this.#borrowed = true;
      this.#slab = slab;
    }
    return this;
  }

  /** Goes to a message that is complete. */
  atAssembled(message: MessageAssembly): this {
    const { bytes, start, end, parts } = message.payload;
    this.kind = message.kind;
    this.stream = message.stream;
    this.bodyUs = message.bodyUs;
    this.bytes = bytes;
    this.start = start;
    this.end = end;
    this.parts = parts;
    this.attachments = NO_ATTACHMENTS;
    this.flow = message.flow;
    this.#variables = message.variables;
    this.#variablesStart = 0;
    this.#variablesEnd = 0;
    this.#borrowed = false;
    return this;
  }

  /** Lets go of the memory that it shows. */
  clear(): void {
    this.bytes = NO_PAYLOAD.bytes;
    this.start = 0;
    this.end = 0;
    this.parts = NO_PARTS;
    this.attachments = NO_ATTACHMENTS;
    this.#variables = undefined;
    this.#variablesStart = 0;
    this.#variablesEnd = 0;
    if (this.#slab !== undefined) releaseSlab(this.#slab);
    this.#slab = undefined;
  }

  /** The payload as a value, for a receiver that decodes it later. */
  keep(): Payload {
    const { bytes, start, end, parts, attachments } = this;
    const slab = this.#slab;
    if (slab !== undefined) {
      this.#slab = undefined;
      return { bytes, start, end, parts, attachments, release: releaseOnce(slab) };
    }
    if (!this.#borrowed && keepsItsMemory(bytes, start, end)) {
      this.keptInPlace = true;
      return { bytes, start, end, parts, attachments };
    }
    return { bytes: copyOf(bytes, start, end), start: 0, end: end - start, parts, attachments };
  }
}

/** Another time the slab may hold another payload. */
function releaseOnce(slab: PassedSlab): () => void {
  let kept: PassedSlab | undefined = slab;
  return () => {
    if (kept !== undefined) releaseSlab(kept);
    kept = undefined;
  };
}

/** Whether the payload is most of what would be kept with it: a small one must not keep a large batch. */
function keepsItsMemory(bytes: Uint8Array, start: number, end: number): boolean {
  return bytes.length <= SMALL_BATCH || (end - start) * 2 >= bytes.length;
}

function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  if (end - start > SHORT) return new Uint8Array(bytes.subarray(start, end));
  const copy = Buffer.alloc(end - start); // a decoder asks another array for its memory, which a short one has not made
  for (let at = start; at < end; at++) copy[at - start] = bytes[at] as number;
  return copy;
}
