/** Makes pieces, and reads them. */
import { routine } from "merino";

export const pieces = routine(async function* pieces(count: number, bytes: number) {
  for (let n = 0; n < count; n++) yield new Uint8Array(bytes).fill(n);
});

export const drain = routine(async function drain(items: AsyncIterable<Uint8Array>) {
  let read = 0;
  for await (const item of items) read += item.length;
  return read;
});

/** Returns when the worker is there. */
export const settle = routine(async function settle() {});
