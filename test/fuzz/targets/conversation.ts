/** Conversations of one half of a session as the bytes of an input: each batch behind its length. */
import type { MemoryCarrier } from "../../support/memory-pair.ts";
import { uint } from "./value-tokens.ts";

/** Turns of the loop after which nothing of a conversation is under way. */
export const MOST_TURNS = 200;

export function asConversation(batches: readonly Buffer[]): Buffer {
  return Buffer.concat(batches.map((batch) => Buffer.concat([uint(batch.length, 4), batch])));
}

export function batchesIn(bytes: Uint8Array): Buffer[] {
  const all = Buffer.from(bytes);
  const batches: Buffer[] = [];
  for (let at = 0; at + 4 <= all.length; ) {
    const end = at + 4 + all.readUInt32BE(at);
    batches.push(all.subarray(at + 4, end));
    at = end;
  }
  return batches;
}

/** Has nobody hear what comes. */
export function silence(carrier: MemoryCarrier): void {
  carrier.events = { batch: () => {}, drain: () => {}, closed: () => {} };
}
