/** Says in words why a value cannot be sent and what to do instead. Runs only once something was refused. */
import { types } from "node:util";
import { isCallback } from "../beside/callback.ts";
import { className } from "../class-name.ts";
import { platformClassOf } from "../platform-class.ts";
import { privateStateOf } from "../private-state.ts";

/** The reason for a function or symbol. */
export function explainPrimitive(value: unknown): string {
  if (typeof value !== "function") return "symbols exist in one process only; send a string";
  const label = value.name === "" ? "" : ` '${value.name}'`;
  const prototype: unknown = value.prototype;
  if (typeof prototype === "object" && prototype !== null && platformClassOf(prototype)?.exact === true) {
    return `it is the class${label} of the platform, which every process has itself; send its name`;
  }
  if (/^class\b/.test(Function.prototype.toString.call(value))) {
    return `it is the class${label}, which is not registered; ${registration(value)}`;
  }
  if (isCallback(value)) return "it is a callback(), which travels only among the arguments of a call";
  return `it is a function${label}, and code is never sent; declare it with routine(), pass callback(${value.name === "" ? "fn" : value.name}) as an argument to have it called here, or pass data instead`;
}

/** The reason for an object that has no form on the wire. */
export function explainObject(value: object, prototype: object): string {
  const known = explainKnownObject(value);
  if (known !== undefined) return known;
  const name = className(prototype);
  if (name === undefined) return "its prototype is an object of its own; send a plain object";
  const platform = platformClassOf(prototype);
  if (platform?.exact === true) {
    return `it is an instance of ${name}, whose content is not in fields; ${platform.advice}`;
  }
  if (platform !== undefined) {
    return `it is an instance of ${name}, which extends ${platform.name}, whose content is not in fields; ${platform.advice}; or, if ${name} is a class of yours, give it static [encode] and [decode] and call portable(${name})`;
  }
  const candidate = value as {
    readonly pipe?: unknown;
    readonly getReader?: unknown;
    readonly next?: unknown;
    readonly [Symbol.asyncIterator]?: unknown;
  };
  if (typeof candidate.pipe === "function" || typeof candidate.getReader === "function") {
    return `it is a stream (${name}), which travels only among the arguments of a call and in what a function returns; send its content`;
  }
  if (typeof candidate[Symbol.asyncIterator] === "function") {
    return `it is an async iterable (${name}), which travels only among the arguments of a call and in what a function returns; collect its values into an array`;
  }
  if (typeof candidate.next === "function") {
    return `it is an iterator (${name}), which works only where it was made; collect its values into an array`;
  }
  const constructor = (prototype as { constructor?: unknown }).constructor as object & {
    readonly name: string;
  };
  return `it is an instance of ${name}, which is not registered; ${registration(constructor)} in a module that both sides import, or send a plain object`;
}

function explainKnownObject(value: object): string | undefined {
  if (types.isPromise(value)) return "it is a Promise; await it first";
  if (types.isSharedArrayBuffer(value))
    return "it is a SharedArrayBuffer, which workers share only in threads of one process; send a copy, such as new Uint8Array(buffer).slice()";
  if (types.isGeneratorObject(value) || types.isMapIterator(value) || types.isSetIterator(value)) {
    return "it is an iterator, which works only where it was made; collect its values into an array";
  }
  if (value === process.env) {
    return "it is process.env, which belongs to this process; send the variables that are needed, or { ...process.env }";
  }
  for (const [name, own] of Object.entries({ process, console })) {
    if (value === own) return `it is ${name}, which every process has itself; send what is needed of it`;
  }
  // Of any copy of the package: only their parts tell.
  const { trust } = value as {
    readonly trust?: { readonly current?: unknown; readonly follow?: unknown } | null;
  };
  if (typeof trust?.current === "function" && typeof trust.follow === "function") {
    return "these are credentials, which never leave their process; give them to the pool or the worker as its option 'credentials', or send the paths of their files";
  }
  const { hasRef, refresh } = value as { readonly hasRef?: unknown; readonly refresh?: unknown };
  if (typeof hasRef === "function" && (typeof refresh === "function" || "_onImmediate" in value)) {
    return "it is a timer, which belongs to this process; send how long to wait";
  }
  return undefined;
}

function registration(constructor: object & { readonly name: string }): string {
  const { name } = constructor;
  const hidden = privateStateOf(constructor);
  const call = `call portable(${name === "" ? "TheClass" : name})`;
  return hidden === undefined
    ? call
    : `give it static [encode] and [decode], since it has ${hidden}, and ${call}`;
}
