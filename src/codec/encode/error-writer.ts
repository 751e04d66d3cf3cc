/**
 * Writes errors: class, name, message, stack, and two groups of fields, hidden (not enumerable: `cause`,
 * `errors`, …) and own. The error itself is never changed; the marker of the worker that ran the code
 * goes onto the stack as it is written. The encoding is lenient: parts that cannot travel are replaced by a text.
 */
import { errorCatalogue, isMerinoError } from "../../errors/merino-error.ts";
import { builtInErrorName } from "../built-in-errors.ts";
import { className } from "../class-name.ts";
import { BUILT_IN_ERRORS, ErrorOrigin, Extension } from "../format.ts";
import type { PortableClass } from "../references.ts";
import type { Encoding } from "./encoding.ts";
import { fieldOf, type Note, notesOfSymbolFields, writeFields } from "./field-writer.ts";

/** Properties sent although they are not enumerable. Others of that kind are how a platform stores its own state. */
const HIDDEN: readonly string[] = [
  "message",
  "name",
  "code",
  "cause",
  "errors",
  "error",
  "suppressed",
  "fault",
];
/** Fields that a `QuotaExceededError` has as accessors. */
const QUOTA_FIELDS: readonly string[] = ["quota", "requested"];
const HIDDEN_WITH_QUOTA: readonly string[] = [...HIDDEN, ...QUOTA_FIELDS];

/** The known facts about an error that is to be written. */
export interface ErrorDetails {
  readonly prototype: object | null;
  /** Its class, when that is registered. */
  readonly portable: PortableClass | undefined;
  /** Written as one more of the error's own fields. */
  readonly note?: Note;
}

/** Writes an error. */
export function writeError(encoding: Encoding, error: object, details: ErrorDetails): void {
  if (encoding.wroteReference(error)) return;
  const { prototype } = details;
  // If two classes claim the same name, neither is used: the error then travels like one of an unregistered class.
  const portable = details.portable?.conflict === undefined ? details.portable : undefined;
  const extension = encoding.openExtension(Extension.ERROR);
  encoding.enter(0);
  const name = text(fieldOf(encoding, error, "name"));
  const hook = portable?.encode;
  const merino = portable === undefined && isMerinoError(error) ? catalogued(error) : undefined;
  let builtIn: string | undefined;
  let isUnknown = false;
  if (portable !== undefined) {
    encoding.writeNumber(hook === undefined ? ErrorOrigin.PORTABLE : ErrorOrigin.HOOKED);
    encoding.writeClass(portable);
  } else if (merino !== undefined) {
    encoding.writeNumber(ErrorOrigin.MERINO);
    encoding.writeString(merino);
  } else {
    builtIn = builtInErrorName(error, prototype);
    isUnknown = builtIn === undefined;
    encoding.writeNumber(isUnknown ? ErrorOrigin.UNKNOWN : ErrorOrigin.BUILT_IN);
    encoding.writeString(builtIn ?? remoteName(name, prototype));
  }
  // The receiver may not have the class; then the name is all it gets.
  if (portable !== undefined) encoding.writeString(remoteName(name, prototype));
  else encoding.writeOptionalString(isDomException(builtIn) ? (name ?? "Error") : undefined);
  const message =
    isDomException(builtIn) || isUnknown
      ? fieldOf(encoding, error, "message")
      : (Object.getOwnPropertyDescriptor(error, "message")?.value as unknown);
  encoding.writeOptionalString(text(message));
  encoding.writeOptionalString(markedStack(encoding, error));
  if (hook !== undefined) {
    encoding.writeHooked(hook, error);
  } else {
    writeHidden(encoding, error, builtIn);
    const notes = notesOfSymbolFields(error);
    writeFields(encoding, error, details.note === undefined ? notes : [...notes, details.note]);
  }
  encoding.leave();
  encoding.closeExtension(extension);
}

function writeHidden(encoding: Encoding, error: object, builtIn: string | undefined): void {
  const map = encoding.openMap();
  let count = 0;
  for (const key of builtIn === "QuotaExceededError" ? HIDDEN_WITH_QUOTA : HIDDEN) {
    if (!isHidden(error, key, builtIn)) continue;
    encoding.at(key);
    encoding.writeString(key);
    encoding.writeValue(fieldOf(encoding, error, key));
    count++;
  }
  encoding.closeMap(map, count);
}

/** Whether a field has to be sent beside the enumerable ones. */
function isHidden(error: object, key: string, builtIn: string | undefined): boolean {
  if (QUOTA_FIELDS.includes(key)) return true;
  if (isDomException(builtIn) && (key === "message" || key === "name")) return false;
  const descriptor = Object.getOwnPropertyDescriptor(error, key);
  if (descriptor === undefined || descriptor.enumerable === true) return false;
  return key !== "message" || typeof descriptor.value !== "string";
}

/** The platform keeps the name and message of these out of sight and shows them through accessors. */
function isDomException(builtIn: string | undefined): boolean {
  return builtIn === "DOMException" || builtIn === "QuotaExceededError";
}

function catalogued(error: object): string | undefined {
  const prototype = Object.getPrototypeOf(error) as object;
  // A user's subclass of one of our errors inherits the name; only the class itself has it on its own prototype.
  const name = Object.getOwnPropertyDescriptor(prototype, "name")?.value as unknown;
  return typeof name === "string" && errorCatalogue().has(name) ? name : undefined;
}

function remoteName(name: string | undefined, prototype: object | null): string {
  if (name !== undefined && name !== "" && !BUILT_IN_ERRORS.includes(name)) return name;
  return (prototype === null ? undefined : className(prototype)) ?? name ?? "Error";
}

function markedStack(encoding: Encoding, error: object): string | undefined {
  let stack: unknown;
  try {
    const { readStack } = encoding;
    stack = readStack === undefined ? (error as { readonly stack?: unknown }).stack : readStack(error);
  } catch {
    // The program's own `prepareStackTrace` has failed: the error is sent without a stack.
  }
  if (typeof stack !== "string") return undefined;
  const { marker } = encoding;
  return marker === undefined || stack.includes(marker) ? stack : `${stack}${marker}`;
}

function text(value: unknown): string | undefined {
  return typeof value === "string" ? value : undefined;
}
