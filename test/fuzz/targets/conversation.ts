/** Conversations of one half of a session as the bytes of an input: each batch behind its length. */
import { setImmediate as nextTurn } from "node:timers/promises";
import { type MemoryCarrier, memoryPair } from "../../support/memory-pair.ts";
import type { TestWorker } from "../../support/protocol-peers.ts";
import { uint } from "./value-tokens.ts";

/** Turns of the loop after which nothing of a conversation is under way. */
const MOST_TURNS = 200;

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

/**
 * Has a worker hear a conversation, then cuts the connection: nothing of it may be left.
 *
 * @param inTurns Whether it gets a turn of the loop after each batch, in place of one in the end.
 */
export async function playToWorker(worker: TestWorker, bytes: Uint8Array, inTurns: boolean): Promise<void> {
  const { client, server } = memoryPair({ local: false });
  silence(client);
  const session = worker.tasks.serve(server);
  for (const batch of batchesIn(bytes)) {
    if (session.connection.ended) break;
    client.arrivesAtPeer(batch);
    if (inTurns) await nextTurn();
  }
  if (!inTurns) await nextTurn();
  client.cut();
  for (let turn = 0; worker.tasks.inFlight > 0; turn++) {
    if (turn === MOST_TURNS) throw new Error(`${worker.tasks.inFlight} tasks never end`);
    await nextTurn();
  }
  if (session.inFlight > 0) throw new Error("streams are left on a connection that has ended");
  worker.tasks.stopAll();
}
