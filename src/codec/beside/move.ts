/**
 * `move()`: marks what a call, a result or a yielded value gives away instead of copying. The mark is an object around the
 * value, which the encoder takes off; nothing happens to the value before the message that holds it leaves.
 */
import { types } from "node:util";
import type { MessagePort } from "node:worker_threads";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { passageOf } from "./passage.ts";

/** What {@link move} takes. */
export type Movable =
  | ArrayBuffer
  | ArrayBufferView
  | MessagePort
  | ReadableStream
  | WritableStream
  | TransformStream
  | MovableHandle;

/** A `FileHandle` of `node:fs/promises`. */
export interface MovableHandle {
  /** Its number at the system. */
  readonly fd: number;
  /** Closes the file, which only its owner can. */
  close(): Promise<void>;
}

/** The property of a mark that holds the value: the same in all copies of this package. */
const MOVED: unique symbol = Symbol.for("merino.moved") as never;

/** The mark around one value. */
class Moved {
  readonly [MOVED]: object;

  constructor(value: object) {
    this[MOVED] = value;
  }
}

/**
 * Marks a value to be given away with the call, result or yielded value that it is part of: a thread gets it without a
 * copy, and the sender has it no more. Another process gets a copy, and the sender has it no more either.
 *
 * A view stands for its whole buffer. The mark may lie anywhere in the value, and is used up where that is sent: do nothing
 * else with it. Until a worker is given the call, nothing is taken; if no worker ever is, the sender keeps everything.
 *
 * @param value A buffer or a view; or a port, a stream or a file handle, which only threads take.
 * @returns The marked value, of the same type for the sake of the parameter or result that it is passed as.
 * @throws InvalidOptionError (ERR_MERINO_INVALID_OPTION, fault: caller) for a value that cannot be moved.
 * @example
 * const blur = routine(function blur(pixels: Uint8Array): Uint8Array {
 *   for (let at = 1; at < pixels.length; at++) pixels[at] = ((pixels[at - 1] ?? 0) + (pixels[at] ?? 0)) / 2;
 *   return move(pixels);
 * });
 * const pixels = new Uint8Array(1024 * 1024);
 * const blurred = await blur(move(pixels)); // and pixels.length is 0
 */
export function move<T extends Movable>(value: T): T {
  if (!isMovable(value)) {
    throw new InvalidOptionError("value", {
      value,
      expected: "an ArrayBuffer, a view of one, a MessagePort, a stream of the web or a FileHandle",
      advice: types.isSharedArrayBuffer((value as { buffer?: unknown } | undefined)?.buffer ?? value)
        ? "Shared memory is passed as it is, without move()"
        : "Everything else is copied, or passed as it is: leave move() out",
    });
  }
  // The mark never gets out of the message: what arrives is the value.
  return new Moved(value) as unknown as T;
}

/** The prototype of marks, of this copy of the package. */
export const MARK: object = Moved.prototype;

/** The value around which a mark was put; `undefined` if the object is no mark. */
export function markedValue(candidate: object): object | undefined {
  return MOVED in candidate ? (candidate as Moved)[MOVED] : undefined;
}

function isMovable(value: unknown): value is Movable {
  if (typeof value !== "object" || value === null) return false;
  if (ArrayBuffer.isView(value)) return !types.isSharedArrayBuffer(value.buffer);
  if (types.isArrayBuffer(value)) return true;
  const prototype = Object.getPrototypeOf(value) as object | null;
  return prototype !== null && passageOf(value, prototype) === "moved";
}
