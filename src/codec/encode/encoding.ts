/**
 * The state of one encoding, as the writers of the different kinds of values share it: back references,
 * parts, class table, depth and path. It decides nothing about values; `value-writer.ts` does.
 */
import type { Fault } from "../../errors/merino-error.ts";
import { NotSerializableError } from "../../errors/not-serializable-error.ts";
import { Attachments } from "../beside/attachments.ts";
import { UnreadBlobs } from "../beside/unread-blobs.ts";
import type { PlatformUse } from "../encoded.ts";
import { Extension, type FlowKind, MAX_DEPTH } from "../format.ts";
import type { FlowSink, PortableClass, References, SignalSink } from "../references.ts";
import type { BinarySharing } from "./binary-sharing.ts";
import { TokenWriter } from "./token-writer.ts";
import { ENCODE_STEP, Trail } from "./trail.ts";

/** Objects looked up by a scan before a Map takes over: most messages never need the Map. */
const SCANNED_OBJECTS = 12;

/** Settings of one call to the encoder. */
export interface EncodeOptions {
  /** First segment of the paths in errors: `"args"`, `"result"`, `"reason"`, … */
  readonly root: string;
  readonly references: References;
  /** Where abort signals are announced. Absent: signals are refused. */
  readonly signals?: SignalSink | undefined;
  /** Where iterables, streams and callbacks are taken up. Absent: they are refused. */
  readonly flows?: FlowSink | undefined;
  /** Copies large binary into the message's own memory, so that the caller may change it at once. */
  readonly copy?: boolean;
  /** Writes all binary into the message, for a receiver that takes none beside it. */
  readonly inline?: boolean;
  /**
   * Writes a long value to memory that the next call with this option overwrites: for whoever has copied it by then.
   * Absent: the bytes stay as they are for ever.
   */
  readonly overwrites?: boolean | undefined;
  /** Whose fault a refusal is; the catalogue's default is the caller's. */
  readonly fault?: Fault;
  /** Refuses tainted routines, for a receiver that does not know what these are. */
  readonly refuseTainted?: boolean;
  /**
   * Writes long text as its code units: in Latin-1 if that has all its characters, else in UTF-16. The engine makes
   * strings of these many times as fast as of UTF-8 that is not ASCII. For a receiver that reads them.
   */
  readonly textUnits?: boolean;
  /** Whether a value may be given away with it, see `beside/move.ts`; or why not, as a clause. Absent: it may not. */
  readonly moves?: true | string | undefined;
  /** Writes objects of the platform, for a receiver that reads them; `Encoded.platform` says where. Absent: refuses them. */
  readonly platform?: boolean;
  /** Takes up blobs, for whoever reads what is `unread` before the value is sent. Absent: refuses them. */
  readonly blobs?: boolean;
  /** Lets objects pass that only threads of this process take; see `beside/passage.ts`. Absent: refuses them. */
  readonly attaches?: boolean;
}

/** How far an encoding had come. Restoring it forgets everything written since. */
export interface Checkpoint {
  readonly written: number;
  readonly objects: number;
  readonly parts: number;
  readonly classes: number;
  readonly depth: number;
  readonly hooked: number;
  readonly tainted: string | undefined;
  readonly platform: PlatformUse | undefined;
  readonly unread: number;
  readonly attached: number;
  readonly moved: number;
}

const NO_PARTS: readonly Uint8Array[] = Object.freeze([]);

/** The base of the writers of values. */
export abstract class Encoding extends TokenWriter {
  declare options: EncodeOptions;
  readonly trail: Trail = new Trail();
  depth = 0;
  /** Whether anything refused is replaced by a text that says so: inside an error, and in what was thrown. */
  lenient = false;
  /** The marker for stacks, with its indentation and line break. */
  marker: string | undefined;
  /** Reads the stack of an error; absent: `stack` is read. */
  readStack: ((error: object) => unknown) | undefined;
  /** Whether a back reference was written. */
  referenced = false;
  parts: Uint8Array[] | undefined;
  /** Path of the first tainted routine written. */
  tainted: string | undefined;
  /** The first object of the platform written. */
  platform: PlatformUse | undefined;
  /** Blobs whose content is still to be read. */
  unread: UnreadBlobs | undefined;
  /** Whether text was written as code units. */
  wroteUnits = false;
  sharing: BinarySharing | undefined;
  /** What goes beside the message, and what changes hands. */
  beside: Attachments | undefined;
  #objects: unknown[] = new Array<unknown>(SCANNED_OBJECTS).fill(undefined);
  #objectCount = 0;
  #indexes: Map<object, number> | undefined;
  #classes: PortableClass[] | undefined;
  #signals: Map<AbortSignal, number> | undefined;
  #flows: Map<object, number> | undefined;
  /** Indexes of instances whose `encode` result is being written; they exist at the receiver only afterwards. */
  #hooked: number[] = [];

  abstract writeValue(value: unknown): void;

  /** Forgets what one pass over a value recorded. Signals and flows stay announced: a sink is asked once for each. */
  resetPass(): void {
    const scanned = Math.min(this.#objectCount, SCANNED_OBJECTS);
    for (let index = 0; index < scanned; index++) this.#objects[index] = undefined;
    this.#objectCount = 0;
    this.#indexes = undefined;
    this.#classes = undefined;
    this.parts = undefined;
    this.beside = undefined;
    this.tainted = undefined;
    this.platform = undefined;
    this.unread = undefined;
    this.wroteUnits = false;
    this.depth = 0;
    this.referenced = false;
    if (this.#hooked.length > 0) this.#hooked = [];
  }

  /** Forgets everything about the value, so that nothing of it stays in memory. */
  resetValue(): void {
    this.resetPass();
    this.sharing = undefined;
    this.#signals = undefined;
    this.#flows = undefined;
  }

  get takenParts(): readonly Uint8Array[] {
    return this.parts ?? NO_PARTS;
  }

  get takenBeside(): Attachments | undefined {
    const { beside } = this;
    if (beside === undefined || beside.empty) return undefined;
    if (this.parts !== undefined) beside.parts = this.parts;
    return beside;
  }

  get takenUnread(): UnreadBlobs | undefined {
    const { unread } = this;
    if (unread === undefined || unread.size === 0) return undefined;
    unread.parts = this.parts ?? [];
    return unread;
  }

  /**
   * Gives an object its index, or writes a back reference to it.
   *
   * @returns Whether the object was met before, in which case everything about it has been written.
   */
  wroteReference(object: object): boolean {
    const count = this.#objectCount;
    if (this.#indexes === undefined) {
      const objects = this.#objects;
      for (let index = 0; index < count; index++) {
        if (objects[index] === object) return this.#writeReference(index);
      }
      if (count < SCANNED_OBJECTS) {
        objects[count] = object;
      } else {
        const indexes = new Map<object, number>();
        for (let index = 0; index < count; index++) indexes.set(objects[index] as object, index);
        indexes.set(object, count);
        this.#indexes = indexes;
      }
    } else {
      const known = this.#indexes.get(object);
      if (known !== undefined) return this.#writeReference(known);
      this.#indexes.set(object, count);
    }
    this.#objectCount = count + 1;
    return false;
  }

  #writeReference(index: number): true {
    if (this.#hooked.length > 0 && this.#hooked.includes(index)) {
      this.refuse("it leads back to an instance whose [encode] result contains it, which cannot be rebuilt");
    }
    this.referenced = true;
    this.writeNumberExtension(Extension.REFERENCE, index);
    return true;
  }

  /**
   * Writes the value that an `[encode]` returns for the object tracked last, to which that value must not refer. It
   * is written exactly, or refused, because a `[decode]` relies on it.
   */
  writeHooked(hook: (object: object) => unknown, object: object): void {
    const { lenient } = this;
    this.#hooked.push(this.#objectCount - 1);
    this.at(ENCODE_STEP);
    this.lenient = false;
    this.writeValue(hook(object));
    this.lenient = lenient;
    this.#hooked.pop();
  }

  /** Goes one level down. @throws {@link NotSerializableError} below {@link MAX_DEPTH}. */
  enter(step: number): void {
    if (this.depth >= MAX_DEPTH) this.refuseDepth();
    this.trail.steps[this.depth++] = step;
  }

  leave(): void {
    this.depth--;
  }

  /** Names the step under which the next value lies. */
  at(key: unknown): void {
    this.trail.keys[this.depth - 1] = key;
  }

  /** Refuses the value at the current path. */
  refuse(why: string, options?: ErrorOptions): never {
    const { fault } = this.options;
    throw new NotSerializableError(this.path(), why, fault === undefined ? options : { ...options, fault });
  }

  /** Refuses a class or routine whose identity others would understand as another. */
  refuseConflict({ id, conflict }: { readonly id: string; readonly conflict?: string | undefined }): void {
    if (conflict !== undefined) this.refuse(`'${id}' has no meaning to other processes: ${conflict}`);
  }

  refuseDepth(): never {
    this.refuse(`it lies more than ${MAX_DEPTH} levels deep; send deep structures as a flat list`);
  }

  path(): string {
    return this.trail.format(this.options.root, this.depth);
  }

  /** A class by its id, the first time, and by its place in the class table from then on. */
  writeClass(portable: PortableClass): void {
    this.#classes ??= [];
    const known = this.#classes.indexOf(portable);
    if (known !== -1) {
      this.writeNumber(known);
      return;
    }
    this.#classes.push(portable);
    const { id, copy } = portable;
    if (copy === undefined) {
      this.writeString(id);
      return;
    }
    const extension = this.openExtension(Extension.CLASS_OF_COPY);
    this.writeString(id);
    this.writeString(copy.copy);
    this.writeString(copy.version);
    this.closeExtension(extension);
  }

  /** Puts bytes beside the message. @returns Their index. */
  addPart(bytes: Uint8Array): number {
    this.parts ??= [];
    const copied = this.options.copy === true || isResizable(bytes.buffer);
    return this.parts.push(copied ? new Uint8Array(bytes) : bytes) - 1;
  }

  /** Puts beside the message what is to become the content of a blob. @returns Its index. */
  addBlob(blob: Blob, content: Uint8Array): number {
    this.parts ??= [];
    this.unread ??= new UnreadBlobs(this.options.fault);
    const part = this.parts.push(content) - 1;
    this.unread.add({ blob, part, path: this.path() });
    return part;
  }

  /**
   * Puts an object beside the message.
   *
   * @param why Says why it cannot leave the process, and what to do.
   * @returns Its number.
   */
  addAttachment(object: object, why: () => string): number {
    this.beside ??= new Attachments();
    const { beside } = this;
    if (beside.objects.length === 0) {
      beside.path = this.path();
      beside.why = why;
      beside.fault = this.options.fault;
    }
    return beside.objects.push(object) - 1;
  }

  /** Notes that an object changes hands. */
  addMoved(object: object): void {
    this.beside ??= new Attachments();
    this.beside.addMoved(object, () => this.path());
  }

  signalIndex(signal: AbortSignal, sink: SignalSink): number {
    this.#signals ??= new Map();
    let index = this.#signals.get(signal);
    if (index === undefined) {
      index = sink.add(signal);
      this.#signals.set(signal, index);
    }
    return index;
  }

  flowIndex(value: object, kind: FlowKind, sink: FlowSink): number {
    this.#flows ??= new Map();
    const known = this.#flows.get(value);
    if (known !== undefined) return known;
    const index = sink.addFlow(value, kind, this.path());
    if (typeof index === "string") this.refuse(index);
    this.#flows.set(value, index);
    return index;
  }

  checkpoint(): Checkpoint {
    return {
      written: this.position - this.start,
      objects: this.#objectCount,
      parts: this.parts?.length ?? 0,
      classes: this.#classes?.length ?? 0,
      depth: this.depth,
      hooked: this.#hooked.length,
      tainted: this.tainted,
      platform: this.platform,
      unread: this.unread?.size ?? 0,
      attached: this.beside?.objects.length ?? 0,
      moved: this.beside?.moved.length ?? 0,
    };
  }

  restore(checkpoint: Checkpoint): void {
    this.position = this.start + checkpoint.written;
    this.depth = checkpoint.depth;
    this.tainted = checkpoint.tainted;
    this.platform = checkpoint.platform;
    for (let index = checkpoint.objects; index < SCANNED_OBJECTS; index++) this.#objects[index] = undefined;
    if (checkpoint.objects <= SCANNED_OBJECTS) {
      this.#indexes = undefined;
    } else if (this.#indexes !== undefined) {
      for (const [object, index] of this.#indexes)
        if (index >= checkpoint.objects) this.#indexes.delete(object);
    }
    this.#objectCount = checkpoint.objects;
    if (this.parts !== undefined) this.parts.length = checkpoint.parts;
    if (this.#classes !== undefined) this.#classes.length = checkpoint.classes;
    this.#hooked.length = checkpoint.hooked;
    this.unread?.forget(checkpoint.unread);
    this.beside?.forget(checkpoint);
  }
}

/** The memory of a resizable buffer may shrink while the message waits. */
export function isResizable(buffer: ArrayBufferLike): boolean {
  return (buffer as { resizable?: boolean }).resizable === true;
}
