/**
 * Recognises the objects that pass between threads of one process as they are, because Node's structured clone carries
 * them. Asked only about instances of classes that have no form in bytes.
 */
import { types } from "node:util";
import { platformClassOf } from "../platform-class.ts";

/**
 * How an object passes: `cloned`, so that both ends have one of the same content or memory; `moved`, so that only the
 * receiver has it; `file`, as the blob that it is, beside its name.
 */
export type Passage = "cloned" | "moved" | "file";

/** Classes of the platform by name. A subclass of one is none of them: it would not arrive as itself. */
const PASSAGES: ReadonlyMap<string, Passage> = new Map<string, Passage>([
  ["Blob", "cloned"],
  ["File", "file"],
  ["Module", "cloned"],
  ["BlockList", "cloned"],
  ["SocketAddress", "cloned"],
  ["X509Certificate", "cloned"],
  ["Histogram", "cloned"],
  ["RecordableHistogram", "cloned"],
  ["ELDHistogram", "cloned"],
  ["MessagePort", "moved"],
  ["ReadableStream", "moved"],
  ["WritableStream", "moved"],
  ["TransformStream", "moved"],
]);

/** How the object passes from thread to thread; `undefined` if it does not. */
export function passageOf(value: object, prototype: object): Passage | undefined {
  if (types.isSharedArrayBuffer(value) || types.isKeyObject(value) || types.isCryptoKey(value))
    return "cloned";
  const constructor = Object.getOwnPropertyDescriptor(prototype, "constructor")?.value as unknown;
  if (typeof constructor !== "function") return undefined;
  const { name } = constructor;
  if (name === "FileHandle") return isHidden(prototype) ? "moved" : undefined;
  if (name === "Memory")
    return platformClassOf(prototype) !== undefined && isShared(value) ? "cloned" : undefined;
  const passage = PASSAGES.get(name);
  if (passage === undefined) return undefined;
  // Those that Node itself makes, when they arrive for example, have a hidden prototype below that of their class.
  const own = constructor.prototype as object;
  return platformClassOf(own)?.exact === true || (name === "Histogram" && isHidden(own))
    ? passage
    : undefined;
}

/** For classes that no module exports: only those of Node say how their instances are cloned or transferred. */
function isHidden(prototype: object): boolean {
  return Object.getOwnPropertySymbols(prototype).some(
    ({ description }) =>
      description === "messaging_transfer_symbol" || description === "messaging_clone_symbol",
  );
}

/** A `WebAssembly.Memory` that is shared; another one belongs to its thread. */
function isShared(memory: { readonly buffer?: unknown }): boolean {
  return types.isSharedArrayBuffer(memory.buffer);
}
