/**
 * Writes, by its number, what is read, written or called from the other end while a call runs: an async iterable, a
 * stream, a callback. What it does there is up to the sink; a sink takes them up in arguments, and in what functions return.
 */
import { isCallback } from "../beside/callback.ts";
import { Extension, FlowKind } from "../format.ts";
import type { Encoding } from "./encoding.ts";

/** What the object would travel as; `undefined` if it is nothing of the kind. */
function kindOf(value: object): FlowKind | undefined {
  if (typeof value === "function") return isCallback(value) ? FlowKind.CALLBACK : undefined;
  if (value instanceof ReadableStream) return FlowKind.READABLE;
  if (value instanceof WritableStream) return FlowKind.WRITABLE;
  const { [Symbol.asyncIterator]: iterate } = value as { readonly [Symbol.asyncIterator]?: unknown };
  return typeof iterate === "function" ? FlowKind.ITERABLE : undefined;
}

/** Writes a value that goes on while the call runs. @returns Whether it is one, and may be here. */
export function wroteFlow(encoding: Encoding, value: object): boolean {
  const { flows } = encoding.options;
  const kind = flows === undefined ? undefined : kindOf(value);
  if (flows === undefined || kind === undefined) return false;
  if (encoding.wroteReference(value)) return true;
  const extension = encoding.openExtension(Extension.FLOW);
  encoding.writeNumber(kind);
  encoding.writeNumber(encoding.flowIndex(value, kind, flows));
  encoding.closeExtension(extension);
  return true;
}
