/** Says in words why a value cannot be sent and what to do instead. Runs only once something was refused. */
import { types } from "node:util";
import { className } from "../class-name.ts";

/** The reason for a function or symbol. */
export function explainPrimitive(value: unknown): string {
  if (typeof value === "symbol") return "symbols exist in one process only; send a string";
  const name = (value as { name?: unknown }).name;
  const label = typeof name === "string" && name !== "" ? ` '${name}'` : "";
  if (typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value))) {
    return `it is the class${label}, which is not registered; call portable(${name === "" ? "TheClass" : String(name)})`;
  }
  return `it is a function${label}, and code is never sent; declare it with routine() or pass data instead`;
}

/** The reason for an object that has no form on the wire. */
export function explainObject(value: object, prototype: object): string {
  if (types.isPromise(value)) return "it is a Promise; await it first";
  if (types.isWeakMap(value) || types.isWeakSet(value))
    return "weak collections cannot be listed; send a Map or Set";
  if (types.isSharedArrayBuffer(value))
    return "it is a SharedArrayBuffer, which workers do not share; copy it";
  if (types.isGeneratorObject(value) || types.isMapIterator(value) || types.isSetIterator(value)) {
    return "it is an iterator, which works only where it was made; collect its values into an array";
  }
  const name = className(prototype);
  if (name === "WeakRef") return "it is a WeakRef; send what it refers to";
  if (name === "AbortController") return "it is an AbortController; send its signal";
  if (name === undefined) return "its prototype is an object of its own; send a plain object";
  const candidate = value as { pipe?: unknown; getReader?: unknown; next?: unknown };
  if (typeof candidate.pipe === "function" || typeof candidate.getReader === "function") {
    return `it is a stream (${name}), which can be read only where it was opened; send its content`;
  }
  if (typeof candidate.next === "function") {
    return `it is an iterator (${name}), which works only where it was made; collect its values into an array`;
  }
  return `it is an instance of ${name}, which is not registered; call portable(${name}) in a module that both sides import, or send a plain object`;
}
