/** Writes the own enumerable fields of an object as a map. Symbol keys are refused: they would be lost. */
import type { Encoding } from "./encoding.ts";

const owns = Object.prototype.hasOwnProperty;

/** Writes the fields of an object, getters read. The level was entered by the caller. */
export function writeFields(encoding: Encoding, object: object): void {
  const fields = object as Record<string, unknown>;
  const lenient = encoding.lenient;
  const map = encoding.openMap();
  let count = 0;
  for (const key in fields) {
    if (!owns.call(fields, key)) continue;
    encoding.at(key);
    if (count === 15 || count === 0xffff) encoding.widenMap(map, count + 1);
    encoding.writeString(key);
    encoding.writeValue(lenient ? fieldOf(encoding, fields, key) : fields[key]);
    count++;
  }
  encoding.closeMap(map, count);
}

/** Reads a field. In a lenient encoding a getter that throws gives the text of what happened. */
export function fieldOf(encoding: Encoding, object: object, key: string): unknown {
  if (!encoding.lenient) return (object as Record<string, unknown>)[key];
  try {
    return (object as Record<string, unknown>)[key];
  } catch (error) {
    return standIn(`its getter threw ${briefly(error)}`);
  }
}

/** The text that takes the place of something that could not be sent. */
export function standIn(why: string): string {
  return `[not sent: ${why}]`;
}

/** An error in a few words, whatever was thrown. */
export function briefly(error: unknown): string {
  try {
    if (typeof error === "object" && error !== null) return String((error as { message?: unknown }).message);
    return String(error);
  } catch {
    return "something that cannot be shown";
  }
}

/** Whether an object has keys that are symbols, enumerable or not. */
export function hasSymbolFields(object: object): boolean {
  return Object.getOwnPropertySymbols(object).length > 0;
}

/** Refuses an object for its first enumerable symbol key; returns if there is none. */
export function refuseSymbolField(encoding: Encoding, object: object): void {
  for (const symbol of Object.getOwnPropertySymbols(object)) {
    if (!Object.prototype.propertyIsEnumerable.call(object, symbol)) continue;
    encoding.at(symbol);
    encoding.refuse("its key is a symbol, and symbols exist in one process only; use a string key");
  }
}
