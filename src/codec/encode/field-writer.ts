/** Writes the own enumerable fields of an object as a map. Symbol keys are refused, as they would be lost; on errors a text says so. */
import type { Encoding } from "./encoding.ts";

const owns = Object.prototype.hasOwnProperty;

const SYMBOL_KEY = "its key is a symbol, and symbols exist in one process only";

/** A field that the object does not have: its key, and a text about something that could not be sent. */
export type Note = readonly [key: string, text: string];
const NO_NOTES: readonly Note[] = [];

/**
 * Writes the fields of an object, getters read, and notes behind them. The level was entered by the caller.
 *
 * @returns How many were written.
 */
export function writeFields(encoding: Encoding, object: object, notes: readonly Note[] = NO_NOTES): number {
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
  for (const [key, text] of notes) {
    if (count === 15 || count === 0xffff) encoding.widenMap(map, count + 1);
    encoding.writeString(key);
    encoding.writeString(text);
    count++;
  }
  encoding.closeMap(map, count);
  return count;
}

/** Reads a field. In a lenient encoding, a getter that throws yields a text about its error. */
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

/** Notes in the place of fields whose keys are symbols. */
export function notesOfSymbolFields(object: object): readonly Note[] {
  const symbols = enumerableSymbols(object);
  return symbols.length === 0
    ? NO_NOTES
    : symbols.map((symbol): Note => [String(symbol), standIn(SYMBOL_KEY)]);
}

function enumerableSymbols(object: object): readonly symbol[] {
  const symbols = Object.getOwnPropertySymbols(object);
  return symbols.length === 0
    ? symbols
    : symbols.filter((symbol) => Object.prototype.propertyIsEnumerable.call(object, symbol));
}

/** Refuses an object for its first enumerable symbol key; returns if there is none. */
export function refuseSymbolField(encoding: Encoding, object: object): void {
  const symbol = enumerableSymbols(object)[0];
  if (symbol === undefined) return;
  encoding.at(symbol);
  encoding.refuse(`${SYMBOL_KEY}; use a string key`);
}
