/**
 * How modules are resolved and loaded in a process of tests: TypeScript files by what `compile.mjs` makes of them,
 * under the extension that imports give them; everything else as Node does.
 */
import { fileURLToPath } from "node:url";
import { compile } from "./compile.mjs";

/** What is built, whose source maps Node would read, all two megabytes of them, as soon as it loads a module. */
const BUILT = new URL("../../dist/", import.meta.url).href;

export function resolve(specifier, context, next) {
  const isFile = /^\.{0,2}\/|^file:/.test(specifier) && /\.m?ts(?:\?|$)/.test(specifier);
  if (!isFile || !context.parentURL?.startsWith("file:")) return next(specifier, context);
  // Whether it is there shows when it is loaded.
  return { url: new URL(specifier, context.parentURL).href, format: "module", shortCircuit: true };
}

export function load(url, context, next) {
  if (url.startsWith(BUILT)) return withoutSourceMap(next(url, context));
  if (!/^file:.*\.m?ts(?:\?.*)?$/.test(url)) return next(url, context);
  return { format: "module", source: compile(fileURLToPath(url.replace(/\?.*/, ""))), shortCircuit: true };
}

/** What the loaders after this one say, at once or later: names and lines of what is built can be read as they are. */
function withoutSourceMap(loaded) {
  if (loaded instanceof Promise) return loaded.then(withoutSourceMap);
  const { source } = loaded;
  if (!ArrayBuffer.isView(source)) return loaded;
  const bytes = Buffer.from(source.buffer, source.byteOffset, source.byteLength);
  const comment = bytes.lastIndexOf("//# sourceMappingURL=");
  return comment === -1 ? loaded : { ...loaded, source: bytes.subarray(0, comment) };
}
