/**
 * Tells plain objects from other objects that merely have a plain object's prototype, or none: `arguments`,
 * `Math`, the namespace of a module, the prototype of a class, an error or a Map whose prototype was changed. The
 * content of those others is not in fields and would be lost.
 */
import { types } from "node:util";

const tagOf = Object.prototype.toString;
const PLAIN_TAG = "[object Object]";

/** Objects of the language that every process has itself. */
const NAMESPACE = /^\[object (Atomics|Intl|JSON|Math|Reflect|Temporal|WebAssembly)\]$/;

/**
 * Whether a quick look finds nothing but an object. It is taken of every object, and does not tell a collection
 * or a buffer whose prototype was changed.
 */
export function looksPlain(object: object): boolean {
  return tagOf.call(object) === PLAIN_TAG;
}

/**
 * Why an object that does not look plain, or shows no field at all, cannot be sent as its fields.
 *
 * @returns `undefined` if the object is plain nevertheless.
 */
export function explainLookAlike(object: object): string | undefined {
  if (types.isArgumentsObject(object)) {
    return "it is an arguments object, which would arrive as a plain object; send [...arguments]";
  }
  if (types.isModuleNamespaceObject(object)) {
    return "it is the namespace of a module, which would arrive as a plain object; send what is needed of it";
  }
  if (object === globalThis)
    return "it is globalThis, which every process has itself; send what is needed of it";
  const namespace = NAMESPACE.exec(tagOf.call(object))?.[1];
  if (namespace !== undefined && !Object.prototype.propertyIsEnumerable.call(object, Symbol.toStringTag)) {
    return `it is ${namespace}, which would arrive as a plain object; every process has its own`;
  }
  const kind = kindShown(object);
  return kind === undefined ? explainHollow(object) : explainChange(kind);
}

/**
 * Why an object that looks plain, and shows no field at all, cannot be sent as one without fields: the part of
 * {@link explainLookAlike} that is left to ask then.
 *
 * @returns `undefined` if the object is plain nevertheless.
 */
export function explainHollow(object: object): string | undefined {
  const kind = kindHidden(object);
  return kind === undefined ? explainPrototype(object) : explainChange(kind);
}

function explainChange(kind: string): string {
  return `it is a ${kind} whose prototype was changed, and would arrive without its content; send one as it was made`;
}

/** What a prototype has is not enumerable. An object that has been given a field by that name is none. */
function explainPrototype(object: object): string | undefined {
  const property = Object.getOwnPropertyDescriptor(object, "constructor");
  const constructor = property?.value as unknown;
  if (property?.enumerable !== false || typeof constructor !== "function") return undefined;
  if (constructor.prototype !== object) return undefined;
  return `it is the prototype of ${shownClass(constructor)}, which would arrive as an empty object; send an object made of it`;
}

function shownClass({ name }: { readonly name: string }): string {
  return name === "" ? "a class" : `the class '${name}'`;
}

/** The kinds that never look plain, whatever their prototype. */
function kindShown(object: object): string | undefined {
  if (Array.isArray(object)) return "list (Array)";
  if (types.isDate(object)) return "Date";
  if (types.isRegExp(object)) return "RegExp";
  if (types.isBoxedPrimitive(object)) return "boxed primitive";
  return undefined;
}

/** The others. */
function kindHidden(object: object): string | undefined {
  if (types.isMap(object)) return "Map";
  if (types.isSet(object)) return "Set";
  if (types.isAnyArrayBuffer(object)) return "buffer";
  if (ArrayBuffer.isView(object)) return "view of a buffer";
  if (types.isPromise(object)) return "Promise";
  if (types.isWeakMap(object) || types.isWeakSet(object)) return "weak collection";
  if (types.isGeneratorObject(object) || types.isMapIterator(object) || types.isSetIterator(object)) {
    return "iterator";
  }
  return undefined;
}
