/**
 * Writes errors: class, name, message, stack, and two groups of fields, hidden (not enumerable: `cause`,
 * `errors`, …) and own. The error itself is never changed; the marker of the worker that ran the code
 * goes onto the stack as it is written.
 */
import { errorCatalogue, isMerinoError } from "../../errors/merino-error.ts";
import { intrinsicName } from "../brands.ts";
import { className } from "../class-name.ts";
import { BUILT_IN_ERRORS, ErrorOrigin, Extension } from "../format.ts";
import type { PortableClass } from "../references.ts";
import type { Encoding } from "./encoding.ts";
import { fieldOf, hasSymbolFields, refuseSymbolField, writeFields } from "./field-writer.ts";
import { ENCODE_STEP } from "./trail.ts";

/** Properties sent although they are not enumerable. Others of that kind are how a platform stores its own state. */
const HIDDEN = ["message", "name", "cause", "errors", "error", "suppressed", "fault"] as const;

/** Writes an error. @param portable Its class, when that is registered. */
export function writeError(
  encoding: Encoding,
  error: object,
  details: { readonly prototype: object; readonly portable: PortableClass | undefined },
): void {
  if (encoding.wroteReference(error)) return;
  const { portable, prototype } = details;
  const extension = encoding.openExtension(Extension.ERROR);
  encoding.enter(0);
  const name = text(fieldOf(encoding, error, "name"));
  const hook = portable?.encode;
  let builtIn: string | undefined;
  let unknown = false;
  if (portable !== undefined) {
    encoding.writeNumber(hook === undefined ? ErrorOrigin.PORTABLE : ErrorOrigin.HOOKED);
    encoding.writeClass(portable);
  } else if (isMerinoError(error) && catalogued(prototype) !== undefined) {
    encoding.writeNumber(ErrorOrigin.MERINO);
    encoding.writeString(catalogued(prototype) as string);
  } else {
    builtIn = prototype === DOMException.prototype ? "DOMException" : intrinsicName(prototype);
    unknown = builtIn === undefined || !BUILT_IN_ERRORS.includes(builtIn);
    encoding.writeNumber(unknown ? ErrorOrigin.UNKNOWN : ErrorOrigin.BUILT_IN);
    encoding.writeString(unknown ? remoteName(name, prototype) : (builtIn as string));
  }
  // The name is needed where the class may not be: an unregistered one, or one the receiver does not have.
  if (portable !== undefined) encoding.writeString(remoteName(name, prototype));
  else encoding.writeOptionalString(builtIn === "DOMException" ? (name ?? "Error") : undefined);
  const ownMessage = Object.getOwnPropertyDescriptor(error, "message")?.value as unknown;
  const message =
    unknown || builtIn === "DOMException" ? text(fieldOf(encoding, error, "message")) : ownMessage;
  encoding.writeOptionalString(text(message));
  encoding.writeOptionalString(markedStack(encoding, error));
  if (hook !== undefined) {
    encoding.enterHooked();
    encoding.at(ENCODE_STEP);
    encoding.writeValue(hook(error));
    encoding.leaveHooked();
  } else {
    writeHidden(encoding, error, builtIn === "DOMException");
    if (hasSymbolFields(error)) refuseSymbolField(encoding, error);
    writeFields(encoding, error);
  }
  encoding.leave();
  encoding.closeExtension(extension);
}

function writeHidden(encoding: Encoding, error: object, platform: boolean): void {
  const map = encoding.openMap();
  let count = 0;
  for (const key of HIDDEN) {
    const descriptor = Object.getOwnPropertyDescriptor(error, key);
    if (descriptor === undefined || descriptor.enumerable === true) continue;
    if (platform && (key === "message" || key === "name")) continue;
    if (key === "message" && typeof descriptor.value === "string") continue;
    encoding.at(key);
    encoding.writeString(key);
    encoding.writeValue(fieldOf(encoding, error, key));
    count++;
  }
  encoding.closeMap(map, count);
}

function catalogued(prototype: object): string | undefined {
  // A user's subclass of one of our errors inherits the name; only the class itself has it on its own prototype.
  const name = Object.getOwnPropertyDescriptor(prototype, "name")?.value as unknown;
  return typeof name === "string" && errorCatalogue().has(name) ? name : undefined;
}

function remoteName(name: string | undefined, prototype: object): string {
  if (name !== undefined && name !== "" && !BUILT_IN_ERRORS.includes(name)) return name;
  return className(prototype) ?? name ?? "Error";
}

function markedStack(encoding: Encoding, error: object): string | undefined {
  let stack: unknown;
  try {
    stack = (error as { stack?: unknown }).stack;
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
