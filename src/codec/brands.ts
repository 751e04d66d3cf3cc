/**
 * Recognises what kind of object a value is, also when another realm (a `vm` context, a test runner)
 * made it: by internal brand and by the shape of the prototype, never by `instanceof`.
 */
import { types } from "node:util";

/** The kinds of objects that have a form of their own on the wire, besides plain objects and arrays. */
export type Brand =
  | "object"
  | "array"
  | "map"
  | "set"
  | "date"
  | "regexp"
  | "buffer"
  | "view"
  | "error"
  | "url"
  | "url-search-params"
  | "signal"
  | "boxed"
  | "class-instance";

const TypedArrayPrototype: object = Object.getPrototypeOf(Uint8Array.prototype);
const tagOfTypedArray = Object.getOwnPropertyDescriptor(TypedArrayPrototype, Symbol.toStringTag)?.get as (
  this: unknown,
) => string | undefined;

/** Prototypes of this realm and what an object with exactly that prototype claims to be. */
const OWN_REALM: ReadonlyMap<object, Brand> = new Map<object, Brand>([
  [Object.prototype, "object"],
  [Array.prototype, "array"],
  [Map.prototype, "map"],
  [Set.prototype, "set"],
  [Date.prototype, "date"],
  [RegExp.prototype, "regexp"],
  [ArrayBuffer.prototype, "buffer"],
  [URL.prototype, "url"],
  [URLSearchParams.prototype, "url-search-params"],
  [AbortSignal.prototype, "signal"],
  [DOMException.prototype, "error"],
]);

/**
 * Classifies an object by its prototype and its brand. An object with a built-in's brand but another prototype
 * (an instance of a subclass) is a class instance.
 */
export function brandOf(value: object, prototype: object): Brand {
  const claimed = OWN_REALM.get(prototype);
  if (claimed !== undefined && (claimed === "object" || hasBrand(value, claimed))) return claimed;
  if (types.isNativeError(value)) return "error";
  if (ArrayBuffer.isView(value)) return viewName(value, prototype) === undefined ? "class-instance" : "view";
  const name = intrinsicName(prototype);
  const brand = name === undefined ? undefined : FOREIGN.get(name);
  if (brand !== undefined && hasBrand(value, brand)) return brand;
  if (name !== undefined && BOXES.has(name) && types.isBoxedPrimitive(value)) return "boxed";
  // Errors made the old way, by a function that inherits from Error, have no brand.
  return value instanceof Error ? "error" : "class-instance";
}

/** Whether a prototype, of whichever realm, is below that of `Error`. */
export function inheritsFromError(prototype: object): boolean {
  for (
    let level: object | null = prototype;
    level !== null;
    level = Object.getPrototypeOf(level) as object | null
  ) {
    if (intrinsicName(level) === "Error") return true;
  }
  return false;
}

const BOXES: ReadonlySet<string> = new Set(["Number", "String", "Boolean", "BigInt", "Symbol"]);

const FOREIGN: ReadonlyMap<string, Brand> = new Map<string, Brand>([
  ["Object", "object"],
  ["Array", "array"],
  ["Map", "map"],
  ["Set", "set"],
  ["Date", "date"],
  ["RegExp", "regexp"],
  ["ArrayBuffer", "buffer"],
]);

function hasBrand(value: object, brand: Brand): boolean {
  switch (brand) {
    case "object":
      return true;
    case "array":
      return Array.isArray(value);
    case "map":
      return types.isMap(value);
    case "set":
      return types.isSet(value);
    case "date":
      return types.isDate(value);
    case "regexp":
      return types.isRegExp(value);
    case "buffer":
      return types.isArrayBuffer(value);
    case "url":
      return read(value, "href") !== undefined;
    case "url-search-params":
      return read(value, "size") !== undefined;
    case "signal":
      return read(value, "aborted") !== undefined;
    case "error":
      return read(value, "code") !== undefined;
    default:
      return false;
  }
}

/** Reads an accessor that throws on objects without the brand. */
function read(value: object, key: string): unknown {
  try {
    return (value as Record<string, unknown>)[key];
  } catch {
    return undefined;
  }
}

/** The class of a view (`"Buffer"` for Node's), or `undefined` for an instance of a subclass of one. */
export function viewName(view: ArrayBufferView, prototype: object): string | undefined {
  if (prototype === Buffer.prototype) return "Buffer";
  const name = tagOfTypedArray.call(view) ?? "DataView";
  return intrinsicName(prototype) === name ? name : undefined;
}

/**
 * The name of the built-in class, of whichever realm, that a prototype belongs to. A user's class is not
 * mistaken for one unless it has a built-in's name and nothing but `Object` is above it.
 */
export function intrinsicName(prototype: object): string | undefined {
  const constructor = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
  if (typeof constructor !== "function") return undefined;
  if (!Function.prototype.toString.call(constructor).endsWith("{ [native code] }")) return undefined;
  const name = Object.getOwnPropertyDescriptor(constructor, "name")?.value as unknown;
  return typeof name === "string" ? name : undefined;
}
