/**
 * What a value brings along that is not in its bytes: objects that pass from thread to thread, and what changes hands. It
 * also knows where all that is: with the sender, or with a worker that has been given it.
 */
import type { Fault } from "../../errors/merino-error.ts";
import { claim, unclaim } from "./claims.ts";

/** No objects. */
export const NO_ATTACHMENTS: readonly unknown[] = Object.freeze([]);

/** Of one encoded value. */
export class Attachments {
  /** The objects, by the numbers under which the value names them. */
  readonly objects: unknown[] = [];
  /** What changes hands: of the objects, and array buffers. */
  readonly moved: object[] = [];
  /** Those of the value, in the array that its payload has. */
  parts: Uint8Array[] = [];
  /** Path of the first object, and of the first one that is moved. */
  path: string | undefined;
  movedPath: string | undefined;
  /** Why the first object cannot leave the process, as a clause, and what to do. */
  why: (() => string) | undefined;
  /** Whose fault it is if it cannot pass; the catalogue's default is the caller's. */
  fault: Fault | undefined;
  /** What was moved is with a worker, and comes back if that refuses it. */
  away = false;
  #claimed = false;

  addMoved(object: object, path: () => string): void {
    if (this.moved.includes(object)) return;
    this.movedPath ??= path();
    this.moved.push(object);
  }

  /** Forgets what was added after a point in time. */
  forget({ attached, moved }: { readonly attached: number; readonly moved: number }): void {
    this.objects.length = attached;
    this.moved.length = moved;
    if (attached === 0) {
      this.path = undefined;
      this.why = undefined;
      this.fault = undefined;
    }
    if (moved === 0) this.movedPath = undefined;
  }

  /** Whether there is nothing after all. */
  get empty(): boolean {
    return this.objects.length === 0 && this.moved.length === 0;
  }

  /** Has other paths for what is in it. */
  rename(pathOf: (path: string) => string): void {
    if (this.path !== undefined) this.path = pathOf(this.path);
    if (this.movedPath !== undefined) this.movedPath = pathOf(this.movedPath);
  }

  /** Keeps what is to change hands from being sent by another call, until it has been handed over or is not to be. */
  claim(): void {
    if (this.moved.length === 0) return;
    claim(this.moved);
    this.#claimed = true;
  }

  /** Gives up what was claimed. */
  unclaim(): void {
    if (!this.#claimed) return;
    this.#claimed = false;
    unclaim(this.moved);
  }

  /**
   * Takes the memory of moved buffers from whoever had it, where it is copied on its way.
   * The parts that lie in it are views of what it is from here on.
   */
  take(): void {
    this.unclaim();
    const { parts } = this;
    for (const [index, object] of this.moved.entries()) {
      if (!(object instanceof ArrayBuffer)) continue;
      const ranges = parts.map(({ byteOffset, byteLength }) => ({ byteOffset, byteLength }));
      const used = parts.map(({ buffer }) => buffer === object);
      const taken = takeMemory(object);
      if (taken === undefined) continue; // nobody can have it: it is copied
      for (const [at, { byteOffset, byteLength }] of ranges.entries()) {
        if (used[at] === true) parts[at] = new Uint8Array(taken, byteOffset, byteLength);
      }
      this.moved[index] = taken;
    }
  }

  /** A worker that has refused all this has given it back. */
  restore(parts: readonly Uint8Array[], attachments: readonly unknown[]): void {
    this.away = false;
    this.parts.splice(0, this.parts.length, ...parts);
    this.objects.splice(0, this.objects.length, ...attachments);
    this.moved.splice(0, this.moved.length, ...parts.map(({ buffer }) => buffer as ArrayBuffer));
    for (const object of attachments) if (isOwned(object)) this.moved.push(object);
  }
}

/** Whether an object has one owner, so that it can only change hands. */
export function isOwned(object: unknown): object is object {
  return (
    object instanceof MessagePort ||
    object instanceof ReadableStream ||
    object instanceof WritableStream ||
    object instanceof TransformStream ||
    (object as { constructor?: { name?: string } } | null)?.constructor?.name === "FileHandle"
  );
}

/**
 * Takes memory away from whoever has it.
 *
 * @returns The same memory as another buffer; `undefined` if it belongs to others as well (Node's pool) or to a
 *   `WebAssembly.Memory`, and stays where it is.
 */
export function takeMemory(buffer: ArrayBuffer): ArrayBuffer | undefined {
  try {
    const taken = structuredClone(buffer, { transfer: [buffer] });
    return buffer.byteLength === 0 ? taken : undefined;
  } catch {
    return undefined;
  }
}

/** Lets go of objects that nobody is going to use: each of them holds something open at its other end. */
export function discard(objects: readonly unknown[]): void {
  for (const object of objects) {
    if (object instanceof MessagePort) object.close();
    else if (object instanceof ReadableStream) object.cancel().catch(() => {});
    else if (object instanceof WritableStream) object.abort().catch(() => {});
    else if (object instanceof TransformStream) object.writable.abort().catch(() => {});
    else if (isOwned(object)) (object as { close(): Promise<void> }).close().catch(() => {});
  }
}
