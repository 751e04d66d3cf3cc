/** The state of one decoding, as the readers of the different kinds of values share it. */
import { PayloadError } from "../../errors/payload-error.ts";
import type { Source } from "../../identity/taint.ts";
import { NO_ATTACHMENTS } from "../beside/attachments.ts";
import type { DecodedSize } from "../budget/decoded-size.ts";
import { Extension, MAX_DEPTH } from "../format.ts";
import type { FlowSource, PortableClass, References, SignalSource } from "../references.ts";
import type { NumberedObjects } from "./numbered-objects.ts";
import { TokenReader } from "./token-reader.ts";

/** Settings of one call to the decoder. */
export interface DecodeOptions {
  readonly references: References;
  /** Where abort signals come from. Absent: a signal in the payload is refused. */
  readonly signals?: SignalSource | undefined;
  /** Where iterables, streams and callbacks come from. Absent: one in the payload is refused. */
  readonly flows?: FlowSource | undefined;
  /**
   * The carrier over which the value has come. Absent: it counts as having come over a network. Then routines in it are
   * tainted, and a payload whose values cost more to read than it is long is refused before any of them is made.
   */
  readonly source?: Source | undefined;
  /**
   * Told what the values of a payload from a network will take up in memory, before any is made; what it throws is thrown
   * instead. Absent: that is not weighed.
   */
  readonly admit?: ((size: DecodedSize) => void) | undefined;
  /** URL of the module whose routine the value is for or from; it tells which of several copies of a class is meant. */
  readonly module?: string | undefined;
  /** Containers inside containers; the format's own limit (1000) by default, which it cannot exceed. */
  readonly maxDepth?: number;
}

/** A class as the payload names it: by id, whether or not it is registered here. */
export interface ClassReference {
  readonly id: string;
  readonly portable: PortableClass | undefined;
}

/** Stands for an object that is being made and cannot be referred to yet. */
const UNFINISHED: unique symbol = Symbol("unfinished");

/** The base of the readers of values. */
export abstract class Decoding extends TokenReader {
  declare options: DecodeOptions;
  parts: readonly Uint8Array[] = [];
  /** Objects that have come beside the message. */
  attachments: readonly unknown[] = NO_ATTACHMENTS;
  depth = 0;
  maxDepth: number = MAX_DEPTH;
  /** Objects by index; present when the payload says that it refers back. */
  objects: NumberedObjects | undefined;
  #classes: ClassReference[] | undefined;
  #usedParts: Uint8Array | undefined;
  #usedAttachments: Uint8Array | undefined;

  abstract readValue(): unknown;

  /** Releases everything that belongs to the payload. */
  reset(): void {
    this.close();
    this.parts = [];
    this.attachments = NO_ATTACHMENTS;
    this.#usedAttachments = undefined;
    this.depth = 0;
    this.objects = undefined;
    this.#classes = undefined;
    this.#usedParts = undefined;
  }

  enter(): void {
    if (++this.depth > this.maxDepth) this.fail(`it is nested more than ${this.maxDepth} levels deep`);
  }

  leave(): void {
    this.depth--;
  }

  /** Gives an object its index. */
  register(object: unknown): void {
    this.objects?.push(object);
  }

  /** Reserves the index of an object that can be made only after its content. */
  reserve(): number {
    return this.objects === undefined ? -1 : this.objects.push(UNFINISHED);
  }

  /** Puts the object in the place reserved for it. */
  settle(index: number, object: unknown): void {
    this.objects?.set(index, object);
  }

  reference(index: number): unknown {
    const { objects } = this;
    if (objects === undefined || index >= objects.count) this.fail("a back reference points nowhere");
    const object = objects.get(index);
    if (object === UNFINISHED) this.fail("a back reference points at an object that is not finished");
    return object;
  }

  /** Runs a class's `[decode]`. An error that it throws becomes the cause. */
  runHook(decode: (value: unknown) => object, value: unknown): object {
    try {
      return decode(value);
    } catch (cause) {
      throw new PayloadError("Cannot decode the payload: the [decode] of a portable class threw", { cause });
    }
  }

  readClass(): ClassReference {
    this.#classes ??= [];
    const token = this.bytes[this.position];
    if (
      this.position < this.end &&
      token !== undefined &&
      (token < 0x80 || (token >= 0xcc && token <= 0xce))
    ) {
      return this.#classes[this.readCount()] ?? this.fail("a class reference points nowhere");
    }
    const found = token === 0xc7 || token === 0xc9 ? this.#readClassOfCopy() : this.#readClassByName();
    this.#classes.push(found);
    return found;
  }

  #readClassByName(): ClassReference {
    const id = this.readString();
    const { references, module } = this.options;
    return { id, portable: references.portableById(id, undefined, module) };
  }

  #readClassOfCopy(): ClassReference {
    const length = this.extensionLength(this.readByte()) ?? 0;
    if (this.readByte() !== Extension.CLASS_OF_COPY) this.fail("a class has an odd form");
    const end = this.position + length;
    const id = this.readString();
    const copy = { copy: this.readString(), version: this.readString() };
    if (this.position !== end) this.fail("an extension does not end where it says");
    const { references, module } = this.options;
    return { id, portable: references.portableById(id, copy, module) };
  }

  /** Hands out a part. Each can be taken once: two buffers never share memory by accident. */
  takePart(index: number): Uint8Array {
    const part = this.parts[index];
    if (part === undefined) this.fail("it names a part that did not come with it");
    this.#usedParts ??= new Uint8Array(this.parts.length);
    if (this.#usedParts[index] === 1) this.fail("it uses a part twice");
    this.#usedParts[index] = 1;
    return part;
  }

  /** Hands out an object that has come beside the message, once. Only threads of this process send any. */
  takeAttachment(index: number): object {
    const { attachments } = this;
    const object = attachments[index];
    if (typeof object !== "object" || object === null)
      this.fail("it names an object that did not come with it");
    this.#usedAttachments ??= new Uint8Array(attachments.length);
    if (this.#usedAttachments[index] === 1) this.fail("it uses an object twice");
    this.#usedAttachments[index] = 1;
    return object;
  }
}

/**
 * Sets a field without running setters, and without the special meaning of `__proto__`.
 *
 * @param assignable Whether plain assignment is known to do the same.
 */
export function defineField(
  object: object,
  key: string,
  field: { value: unknown; assignable: boolean },
): void {
  if (field.assignable) {
    (object as Record<string, unknown>)[key] = field.value;
    return;
  }
  Object.defineProperty(object, key, {
    value: field.value,
    writable: true,
    enumerable: true,
    configurable: true,
  });
}
