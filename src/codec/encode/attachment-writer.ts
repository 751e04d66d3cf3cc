/**
 * Writes what goes beside a message, by its number, and takes the marks of `move()` off. Whether the receiver is a thread
 * of this process, which alone takes such objects, is known only when the message leaves.
 */
import { types } from "node:util";
import { isClaimed, isLent } from "../beside/claims.ts";
import { markedValue } from "../beside/move.ts";
import { passageOf } from "../beside/passage.ts";
import { Extension } from "../format.ts";
import { isPooled } from "./binary-sharing.ts";
import type { Encoding } from "./encoding.ts";
import { explainObject } from "./explain-unsendable.ts";
import { refuseNamedField } from "./own-fields.ts";
import { Step } from "./trail.ts";

/** Classes of Node whose instances have fields of their own. */
const WITH_FIELDS: ReadonlySet<string> = new Set(["RecordableHistogram", "FileHandle"]);

/** Why a value cannot be moved or sent that a call has claimed. */
export const CLAIMED =
  "a call that has not been given to a worker yet is going to move it; await that call first, or send a copy";

/** Writes a value with the mark of `move()` around it. @returns Whether it has one. */
export function writeMarked(encoding: Encoding, mark: object): boolean {
  const value = markedValue(mark);
  if (value === undefined) return false;
  const { moves } = encoding.options;
  if (moves !== true) {
    encoding.refuse(
      moves ??
        "it is marked with move(), which arguments, results and yielded values can be; send it without the mark",
    );
  }
  if (ArrayBuffer.isView(value)) {
    if (!isPooled(value)) noteMoved(encoding, value.buffer); // what many views share is copied, and stays
  } else if (types.isArrayBuffer(value)) noteMoved(encoding, value);
  else {
    writeOwned(encoding, value);
    return true;
  }
  encoding.writeValue(value);
  return true;
}

function noteMoved(encoding: Encoding, object: object): void {
  if (isClaimed(object)) encoding.refuse(CLAIMED);
  if (isLent(object as ArrayBuffer)) {
    encoding.refuse(
      "another call is being sent from its memory; await that call first, or give it the option `copy: true`",
    );
  }
  encoding.addMoved(object);
}

/** Writes an object that can only be moved. */
function writeOwned(encoding: Encoding, object: object): void {
  if (encoding.options.attaches !== true) encoding.refuse(onlyThreads(object));
  if (encoding.wroteReference(object)) return;
  refuseOwnField(encoding, object);
  if (isClaimed(object)) encoding.refuse(CLAIMED);
  encoding.addMoved(object);
  encoding.writeNumberExtension(
    Extension.ATTACHMENT,
    encoding.addAttachment(object, () => onlyThreads(object)),
  );
}

/** Refuses what somebody has put onto an object of Node's. */
function refuseOwnField(encoding: Encoding, object: object): void {
  const { constructor } = object;
  if (WITH_FIELDS.has(constructor.name)) return;
  // Node 24 gives a stream that has come from another thread its class as a field of its own, before any other.
  const isReceived = Object.hasOwn(object, "constructor") && object instanceof constructor;
  if (!isReceived || Object.keys(object).length > 1) refuseNamedField(encoding, object);
}

function onlyThreads(object: object): string {
  return `${explainObject(object, Object.getPrototypeOf(object) as object)}; it can be moved to a worker in a thread of this process only (\`worker: "thread"\`)`;
}

/** Writes an object that passes from thread to thread as it is. @returns Whether it is one, and may. */
export function attached(encoding: Encoding, object: object, prototype: object): boolean {
  if (encoding.options.attaches !== true) return false;
  const passage = passageOf(object, prototype);
  if (passage === undefined) return false;
  if (passage === "moved") {
    encoding.refuse(
      `${explainObject(object, prototype)}; a worker in a thread takes it if it is given away: pass move(value)`,
    );
  }
  if (encoding.wroteReference(object)) return true;
  refuseOwnField(encoding, object);
  const why = (): string => explainObject(object, prototype);
  if (passage === "file") writeFile(encoding, object as File, why);
  else encoding.writeNumberExtension(Extension.ATTACHMENT, encoding.addAttachment(object, why));
  return true;
}

/** A file travels as the blob that it is, since Node makes no more of it, and as what a blob has not. */
function writeFile(encoding: Encoding, file: File, why: () => string): void {
  const extension = encoding.openExtension(Extension.FILE);
  encoding.enter(Step.PROPERTY);
  encoding.writeNumber(encoding.addAttachment(file.slice(0, file.size, file.type), why));
  encoding.writeString(file.name);
  encoding.writeNumber(file.lastModified);
  encoding.leave();
  encoding.closeExtension(extension);
}
