/**
 * Both halves of the protocol as state machines: a peer that says anything, in any order, over a carrier in memory.
 * Whatever it says, no body runs that was not asked for, every call settles once, and nothing is left.
 */
import { setImmediate as nextTurn } from "node:timers/promises";
import { memoryPair } from "../../support/memory-pair.ts";
import {
  batchOf,
  helloWith,
  type RecordedCall,
  TestClient,
  TestWorker,
} from "../../support/protocol-peers.ts";
import { mutate } from "../mutate.ts";
import type { Random } from "../random.ts";
import type { FuzzTarget } from "../target.ts";
import { asConversation, batchesIn, playToWorker, silence } from "./conversation.ts";
import { anyBatch } from "./frames.ts";

const ROUTINES = ["add", "wait", "fail", "count"];

const bodies = {
  add: (a: unknown, b: unknown): string => `${typeof a}${typeof b}`,
  wait: async (value: unknown): Promise<unknown> => {
    await nextTurn();
    return value;
  },
  fail: (): never => {
    throw new TypeError("broken");
  },
  async *count(upTo: unknown): AsyncGenerator<number, string> {
    for (let n = 0; n < Math.min(Number(upTo) || 3, 20); n++) yield n;
    return "end";
  },
};

/** A conversation as bytes: each batch behind its length. */
function conversation(random: Random): Buffer {
  const batches: Buffer[] = [];
  if (!random.oneIn(20)) batches.push(batchAsBuffer(random));
  for (let count = 1 + random.small(24); count > 0; count--) {
    const batch = anyBatch(random, ROUTINES);
    batches.push(random.oneIn(5) ? mutate(batch, random) : batch);
  }
  return asConversation(batches);
}

function batchAsBuffer(random: Random): Buffer {
  const features = random.oneIn(6) ? [] : random.oneIn(6) ? [1] : helloWith().features;
  const limits = random.oneIn(4) ? { maxBatch: 1 + random.below(5000), maxStreams: 1 + random.small(5) } : {};
  return Buffer.from(batchOf((writer) => writer.hello(helloWith({ uid: "peer", features, limits }))));
}

export const serverSessions: FuzzTarget = {
  name: "sessions of workers",
  share: 1,
  make: conversation,
  run: (bytes) => playToWorker(new TestWorker(bodies), bytes, false),
};

export const clientSessions: FuzzTarget = {
  name: "sessions of callers",
  share: 1,
  make: conversation,
  async run(bytes) {
    const { client, server } = memoryPair({ local: false });
    silence(server);
    const caller = new TestClient(client);
    const calls: RecordedCall[] = [];
    for (const batch of batchesIn(bytes)) {
      if (caller.session.connection.ended) break;
      server.arrivesAtPeer(batch);
      if (calls.length < 8 && caller.session.open) calls.push(...openCalls(caller));
    }
    await nextTurn();
    server.cut();
    await nextTurn();
    for (const call of calls)
      if (call.outcomes.length !== 1) throw new Error(`a call ended ${call.outcomes.length} times`);
    if (caller.session.inFlight > 0) throw new Error("calls are left on a connection that has ended");
  },
};

function openCalls(caller: TestClient): RecordedCall[] {
  return [
    caller.call("add", [1, 2]),
    caller.call("count", [3], { generator: true, credit: 2 }),
    caller.call("wait", ["long".repeat(400)], { awaitsAck: true }),
    caller.call("count", [3], { generator: true }),
  ];
}
