/**
 * Sends what belongs to a message beside the batches, from thread to thread: its parts, each in memory of its own, and the
 * objects that it names. What is moved changes hands here, or not at all. The frame of the message follows.
 */
import type { Transferable } from "node:worker_threads";
import { type Attachments, NO_ATTACHMENTS, takeMemory } from "../../codec/beside/attachments.ts";
import { Extension } from "../../codec/format.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import { errorText } from "../../internal/error-text.ts";
import type { Payload } from "../../wire/payload.ts";
import type { Carrier, PassedSlab } from "../carrier.ts";
import { MAX_SLAB_BYTES, releaseSlab, type Slabs } from "./slab.ts";

/** What is sent beside the batches, as `Carrier.enclose` does it. */
type Enclose = NonNullable<Carrier["enclose"]>;

/** What a payload brings along; absent: nothing. There is no other implementation. */
export function besideOf(payload: Payload): Attachments | undefined {
  return payload.beside as Attachments | undefined;
}

/**
 * Sends the enclosure of a message.
 *
 * @param slabs Where the payload itself is copied to, if it is too long for the frame. Absent: it is not.
 * @returns Bytes of memory sent.
 * @throws {@link NotSerializableError} for an object that cannot pass. Nothing has been sent or has changed hands then.
 */
export function enclosePayload(enclose: Enclose, payload: Payload, slabs: Slabs | undefined): number {
  const beside = besideOf(payload);
  const outgoing = new OutgoingParts(beside?.moved ?? []);
  const slab = slabs === undefined ? undefined : inSlab(payload, slabs);
  if (slabs !== undefined && slab === undefined)
    outgoing.copy(payload.bytes.subarray(payload.start, payload.end));
  for (const part of payload.parts) outgoing.add(part);
  const attachments = beside?.objects ?? NO_ATTACHMENTS;
  const owned = (beside?.moved ?? []).filter((object) => !(object instanceof ArrayBuffer)) as Transferable[];
  // Node takes buffers before it finds out about objects: beside those they are copied first, and taken afterwards.
  if (owned.length > 0) outgoing.copyAll();
  let isSent = false;
  const send = (): unknown => {
    try {
      assertFree(owned);
      isSent = enclose({ parts: outgoing.parts, slab, attachments }, [...outgoing.memory, ...owned]);
      return undefined;
    } catch (error) {
      return error;
    }
  };
  let problem = send();
  if (problem !== undefined && outgoing.takesMemory) {
    outgoing.copyAll(); // it may be a buffer of those that nobody can take away
    problem = send();
  }
  if (problem !== undefined) {
    if (slab !== undefined) releaseSlab(slab);
    throw new NotSerializableError(
      beside?.movedPath ?? beside?.path ?? "",
      `it cannot be passed to the thread: ${errorText(problem)}`,
      { cause: problem, ...(beside?.fault !== undefined && { fault: beside.fault }) },
    );
  }
  if (beside !== undefined && isSent) given(beside);
  return outgoing.sizeBytes + (slab === undefined ? 0 : slab.end - slab.start);
}

/** Copies a payload into a slab, unless it is too long for one. */
function inSlab({ bytes, start, end }: Payload, slabs: Slabs): PassedSlab | undefined {
  if (end - start > MAX_SLAB_BYTES) return undefined;
  return slabs.write(bytes.subarray(start, end), isWideText(bytes, start));
}

/** Whether the value is one text in UTF-16, whose units then begin at the seventh byte: Node copies it if these are not aligned. */
function isWideText(bytes: Uint8Array, start: number): boolean {
  return bytes[start + 1] === 0xc9 && bytes[start + 6] === Extension.UTF16;
}

/** Node finds out about a stream that is read or written here only when it has transferred what comes before it. */
function assertFree(objects: readonly object[]): void {
  for (const object of objects) {
    const { locked, readable, writable } = object as Partial<TransformStream> & { readonly locked?: boolean };
    if (locked === true || readable?.locked === true || writable?.locked === true)
      throw new Error(`the ${object.constructor.name} is locked; release its reader or writer first`);
  }
}

/** The worker has it all. */
function given(beside: Attachments): void {
  beside.unclaim();
  beside.away = beside.moved.length > 0;
  // Of those that were copied the sender is to have nothing either.
  for (const object of beside.moved) {
    if (object instanceof ArrayBuffer && object.byteLength > 0) takeMemory(object);
  }
}

/** The parts of one message on their way to another thread. */
class OutgoingParts {
  readonly parts: Uint8Array[] = [];
  /** Their memory, which changes hands. */
  readonly memory = new Set<ArrayBuffer>();
  sizeBytes = 0;
  readonly #moved: readonly object[];

  constructor(moved: readonly object[]) {
    this.#moved = moved;
  }

  /** Whether memory is taken from its owner, and not only that of copies. */
  get takesMemory(): boolean {
    return this.parts.some((part) => this.#isTaken(part));
  }

  /** Adds a part: as it is, if all of its memory is moved. */
  add(part: Uint8Array): void {
    this.#put(this.#isTaken(part) ? part : copyOf(part));
  }

  copy(part: Uint8Array): void {
    this.#put(copyOf(part));
  }

  /** Copies those as well that would be taken. */
  copyAll(): void {
    const parts = this.parts.splice(0);
    this.memory.clear();
    this.sizeBytes = 0;
    for (const part of parts) this.#put(this.#isTaken(part) ? copyOf(part) : part);
  }

  #isTaken(part: Uint8Array): boolean {
    return part.byteLength === part.buffer.byteLength && this.#moved.includes(part.buffer);
  }

  #put(part: Uint8Array): void {
    this.parts.push(part);
    this.memory.add(part.buffer as ArrayBuffer);
    this.sizeBytes += part.byteLength;
  }
}

/** A copy of which all of the memory can be given away. A clone by the port would copy twice. */
function copyOf(part: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(part.byteLength);
  copy.set(part);
  return copy;
}
