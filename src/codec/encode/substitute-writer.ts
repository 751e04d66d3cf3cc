/** Writes an error in the place of a value that cannot be sent at all, and says what it was and why. */
import { types } from "node:util";
import { brandOf } from "../brands.ts";
import { className } from "../class-name.ts";
import { ErrorOrigin, Extension } from "../format.ts";
import type { Encoding } from "./encoding.ts";

/** Writes an error that stands for the value. It arrives as a `RemoteError`. */
export function writeSubstitute(encoding: Encoding, value: unknown, message: string): void {
  const prototype = prototypeOf(value);
  encoding.wroteReference({});
  const extension = encoding.openExtension(Extension.ERROR);
  encoding.writeNumber(ErrorOrigin.UNKNOWN);
  const name = (prototype && className(prototype)) ?? typeof value;
  encoding.writeString(name);
  encoding.writeByte(0xc0);
  encoding.writeString(message);
  // Without a first line of its own, what is printed would not say what happened.
  const { marker } = encoding;
  encoding.writeOptionalString(marker === undefined ? undefined : `${name}: ${message}${marker}`);
  encoding.writeByte(0x80);
  encoding.writeByte(0x80);
  encoding.closeExtension(extension);
}

/** Whether a value is an error. Never throws, whatever it is. */
export function isErrorValue(value: unknown): value is object {
  const prototype = prototypeOf(value);
  try {
    return (
      types.isNativeError(value) ||
      (prototype !== undefined && brandOf(value as object, prototype) === "error")
    );
  } catch {
    return false;
  }
}

/** The prototype of an object, if it can be told. */
export function prototypeOf(value: unknown): object | undefined {
  if (typeof value !== "object" || value === null) return undefined;
  try {
    return (Object.getPrototypeOf(value) as object | null) ?? undefined;
  } catch {
    return undefined;
  }
}
