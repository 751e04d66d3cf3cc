/**
 * How modules are resolved and loaded in a process of tests: TypeScript files by what `compile.mjs` makes of them,
 * under the extension that imports give them; everything else as Node does.
 */
import { fileURLToPath } from "node:url";
import { compile } from "./compile.mjs";

export function resolve(specifier, context, next) {
  const isFile = /^\.{0,2}\/|^file:/.test(specifier) && /\.m?ts(?:\?|$)/.test(specifier);
  if (!isFile || !context.parentURL?.startsWith("file:")) return next(specifier, context);
  // Whether it is there shows when it is loaded.
  return { url: new URL(specifier, context.parentURL).href, format: "module", shortCircuit: true };
}

export function load(url, context, next) {
  if (!/^file:.*\.m?ts(?:\?.*)?$/.test(url)) return next(url, context);
  return { format: "module", source: compile(fileURLToPath(url.replace(/\?.*/, ""))), shortCircuit: true };
}
