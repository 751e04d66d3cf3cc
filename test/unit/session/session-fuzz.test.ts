/**
 * Live sessions that get tampered frames from the other side, and conversations in which frames are lost,
 * repeated or exchanged: every call settles, nothing escapes, and the worker serves the next client.
 */
import assert from "node:assert/strict";
import process from "node:process";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { BatchReader } from "../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { memoryPair, splitFrames } from "../../support/memory-pair.ts";
import {
  type Body,
  connect,
  helloWith,
  payloadOf,
  type RecordedCall,
  TestClient,
  TestWorker,
} from "../../support/protocol-peers.ts";
import { withoutStacks } from "../../support/without-stacks.ts";

/** `npm run fuzz` has far more conversations of both halves. */
const MUTATIONS = 12_000;
const SEED = 20_261_122;

type Draw = (below: number) => number;

/** A small generator of numbers, so that a failing round can be found again. */
function createDraw(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

/** Limits under which a text of some kilobytes travels in chunks. */
const SMALL = { maxBatch: 4_000 };

const INTERESTING = [0x00, 0x01, 0x08, 0x0a, 0x12, 0x1a, 0x22, 0x3a, 0x7f, 0x80, 0xb2, 0xff];

/** Changes one batch of frames: its bytes, or the order and number of its frames. */
function mutate(frames: readonly Uint8Array[], all: readonly Uint8Array[], draw: Draw): Uint8Array {
  const pieces: Uint8Array[] = frames.map((frame) => Uint8Array.from(frame));
  const at = draw(pieces.length);
  const victim = pieces[at] ?? new Uint8Array(0);
  const choice = draw(20);
  if (choice === 0) {
    // Anywhere, the boundary between frames included: most of these end the connection.
    victim[draw(victim.length)] = draw(256);
  } else if (choice < 7) {
    victim[Math.min(victim.length - 1, 2 + draw(victim.length))] = draw(256);
  } else if (choice < 10) {
    victim[Math.min(victim.length - 1, 2 + draw(victim.length))] = INTERESTING[draw(INTERESTING.length)] ?? 0;
  } else if (choice < 12) {
    pieces[at] = shortened(victim, draw);
  } else if (choice < 14) {
    pieces.splice(at, 0, victim);
  } else if (choice < 16) {
    pieces.splice(at, 1);
  } else if (choice < 18) {
    pieces.splice(draw(pieces.length + 1), 0, all[draw(all.length)] ?? victim);
  } else {
    pieces.push(...pieces.splice(at, 1));
  }
  return Buffer.concat(pieces);
}

/** A frame without its end; its length says so as long as it fits into one byte. */
function shortened(frame: Uint8Array, draw: Draw): Uint8Array {
  const short = frame.slice(0, 2 + draw(frame.length));
  if (short.length < 130 && (frame[1] ?? 0) < 0x80) short[1] = short.length - 2;
  return short;
}

const bodies: Record<string, Body> = {
  add: (a: number, b: number): number => a + b,
  echo: async (value: unknown): Promise<unknown> => {
    await nextTurn();
    return value;
  },
  fail: (): never => {
    throw new TypeError("broken");
  },
  async *count(upTo: number): AsyncGenerator<number, string> {
    const limit = Math.min(Number(upTo) || 0, 20);
    for (let n = 0; n < limit; n++) yield n;
    return "end";
  },
};

/** Calls of every shape; some are left to run, some are ended. */
function converse(client: TestClient): RecordedCall[] {
  const { session } = client;
  const calls = [
    client.call("add", [1, 2], { tag: "t" }),
    client.call("echo", [{ text: "value", list: [1, 2, 3] }]),
    client.call("fail"),
    client.call("count", [3], { generator: true }),
    client.call("count", [9], { generator: true, credit: 4 }),
    client.call("add", [3, 4], { awaitsAck: true, budgetUs: 5_000_000 }),
    client.call("echo", ["long".repeat(600)]),
    client.call("unknown", []),
  ];
  const [, , , plain, ahead, awaiting] = calls;
  if (plain !== undefined) {
    session.next(plain.stream);
    session.send(plain.stream, payloadOf("sent"));
    session.throw(plain.stream, payloadOf(new Error("thrown")));
  }
  if (ahead !== undefined) {
    session.credit(ahead.stream, 2);
    session.return(ahead.stream, payloadOf("returned"));
  }
  if (awaiting !== undefined) session.cancel(awaiting.stream, payloadOf(new Error("cancelled")));
  session.ping(5);
  return calls;
}

/** What both sides say in a valid conversation. */
async function record(): Promise<{ readonly client: Uint8Array[]; readonly server: Uint8Array[] }> {
  const hello = helloWith({ limits: SMALL });
  await using pair = await connect(bodies, { hello, clientHello: hello });
  const calls = converse(pair.client);
  await Promise.all(calls.map((call) => call.outcome));
  await nextTurn();
  return {
    client: [...pair.carriers.client.sent],
    server: [...pair.carriers.server.sent],
  };
}

/** Fails the test for whatever would have ended the process. */
function watchEscapes(context: TestContext): () => unknown[] {
  const escaped: unknown[] = [];
  const note = (error: unknown): void => {
    escaped.push(error);
  };
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  context.after(() => {
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  });
  return () => escaped;
}

test("TaskServer survives clients that send tampered frames", async (context) => {
  const escaped = watchEscapes(context);
  const draw = createDraw(SEED);
  const recorded = await record();
  using _stacks = withoutStacks();
  const [hello = new Uint8Array(0), ...batches] = recorded.client;
  const spoken = batches.map(splitFrames).filter((frames) => frames.length > 0);
  const all = spoken.flat().filter((frame) => frame.length < 2_000);
  const worker = new TestWorker(bodies);
  let mutations = 0;
  let tasks = 0;
  let connections = 0;

  while (mutations < MUTATIONS / 2) {
    connections += 1;
    const { client, server } = memoryPair();
    client.events = { batch: () => {}, drain: () => {}, closed: () => {} };
    const session = worker.tasks.serve(server);
    const sent: Uint8Array[] = [hello];
    for (let count = 0; count < 100; count++) {
      // The valid conversation first, now and then, so that there are streams to disturb.
      if (count % 10 === 0) sent.push(...batches);
      sent.push(mutate(spoken[draw(spoken.length)] ?? [], all, draw));
    }
    for (const batch of sent) {
      if (session.connection.ended) break;
      client.arrivesAtPeer(batch);
      tasks += countTasks(batch);
      mutations += 1;
      if (draw(10) === 0) await nextTurn();
    }
    await nextTurn();
    client.cut();
    assert.equal(session.inFlight, 0);
  }
  // What was under way in bodies ends by itself.
  for (let turn = 0; turn < 50 && worker.tasks.inFlight > 0; turn++) await nextTurn();

  context.diagnostic(
    `${mutations} batches on ${connections} connections, ${tasks} tasks, ${worker.starts} bodies started`,
  );
  assert.ok(mutations >= MUTATIONS / 2);
  assert.equal(worker.tasks.inFlight, 0);
  assert.ok(worker.starts > 100 && worker.starts <= tasks, `${worker.starts} bodies for ${tasks} tasks`);
  const { client, server } = memoryPair();
  worker.tasks.serve(server);
  const fresh = new TestClient(client);
  await fresh.hello;
  assert.equal(await fresh.call("add", [1, 2]).value(), 3);
  fresh.session.connection.close();
  await nextTurn();
  assert.deepEqual(escaped(), []);
});

test("ClientSession settles every call on workers that send tampered frames", async (context) => {
  const escaped = watchEscapes(context);
  const draw = createDraw(SEED + 1);
  const recorded = await record();
  using _stacks = withoutStacks();
  const [hello = new Uint8Array(0), ...batches] = recorded.server;
  const spoken = batches.map(splitFrames).filter((frames) => frames.length > 0);
  const all = spoken.flat().filter((frame) => frame.length < 2_000);
  let mutations = 0;
  let connections = 0;
  const settled = { done: 0, exception: 0, refused: 0, failed: 0, lost: 0 };

  while (mutations < MUTATIONS / 2) {
    connections += 1;
    const { client, server } = memoryPair();
    server.events = { batch: () => {}, drain: () => {}, closed: () => {} };
    const caller = new TestClient(client, helloWith());
    server.arrivesAtPeer(hello);
    const calls: RecordedCall[] = [];
    for (let count = 0; count < 40 && !caller.session.connection.ended; count++) {
      if (count % 8 === 0) calls.push(...converse(caller));
      server.arrivesAtPeer(mutate(spoken[draw(spoken.length)] ?? [], all, draw));
      mutations += 1;
      if (draw(20) === 0) await nextTurn();
    }
    server.cut();
    for (const call of calls) {
      assert.equal(call.outcomes.length, 1);
      const outcome = await call.outcome;
      settled[outcome.kind] += 1;
    }
    assert.equal(caller.session.inFlight, 0);
  }
  await nextTurn();

  context.diagnostic(
    `${mutations} batches on ${connections} connections, settled: ${JSON.stringify(settled)}`,
  );
  assert.ok(mutations >= MUTATIONS / 2);
  for (const [kind, count] of Object.entries(settled)) assert.ok(count > 0, `no call was ${kind}`);
  assert.deepEqual(escaped(), []);
});

/** Tasks in a batch, as far as it can be read. */
function countTasks(batch: Uint8Array): number {
  const reader = new BatchReader();
  reader.reset(batch, 0, batch.length);
  let tasks = 0;
  try {
    while (reader.next()) if (reader.kind === FrameKind.Task) tasks += 1;
  } catch {
    // the rest cannot be read
  }
  return tasks;
}
