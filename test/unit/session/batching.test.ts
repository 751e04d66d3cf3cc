/** What a call costs in batches: one out and one back, and what one turn produces travels together. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { eventually } from "../../support/eventually.ts";
import { framesOf } from "../../support/memory-pair.ts";
import { connect, payloadOf } from "../../support/protocol-peers.ts";

const add = (a: number, b: number): number => a + b;

/** Holds the thread. */
function busy(ms: number): string {
  const untilMs = performance.now() + ms;
  while (performance.now() < untilMs);
  return "worked";
}

test("ClientSession makes a plain call with one batch out and one batch back", async () => {
  await using pair = await connect({ add });
  const { client, carriers } = pair;
  const kindsBack: number[][] = [];

  // Before a body that is unknown, or that a busy machine has made to look long, the worker says that it starts.
  while (kindsBack.at(-1)?.length !== 1 && kindsBack.length < 500) {
    const before = { out: carriers.client.sent.length, back: carriers.server.sent.length };
    const value = await client.call("add", [1, 2]).value();
    await nextTurn();
    assert.equal(value, 3);
    assert.equal(carriers.client.sent.length - before.out, 1);
    kindsBack.push(framesOf(carriers.server.sent.slice(before.back)).map((frame) => frame.kind));
  }

  assert.deepEqual(kindsBack[0], [FrameKind.Ack, FrameKind.Done]);
  assert.deepEqual(kindsBack.at(-1), [FrameKind.Done]);
});

test("ClientSession sends the calls of one turn in one batch, and gets the results of one turn in one", async () => {
  await using pair = await connect({ add });
  const { client, carriers } = pair;
  const batchesBack: number[] = [];

  // A worker that is kept waiting by its machine takes the bodies for long ones, and flushes before each.
  while (!batchesBack.includes(1) && batchesBack.length < 500) {
    const before = { out: carriers.client.sent.length, back: carriers.server.sent.length };
    const calls = Array.from({ length: 100 }, (_, at) => client.call("add", [at, 1]));
    const values = await Promise.all(calls.map((call) => call.value()));
    batchesBack.push(carriers.server.sent.length - before.back);

    assert.deepEqual(
      values,
      calls.map((_, at) => at + 1),
    );
    assert.equal(carriers.client.sent.length - before.out, 1);
  }

  assert.equal(batchesBack.at(-1), 1, `batches of 100 results: ${batchesBack.join()}`);
});

test("ClientSession sends calls made by the continuations of one batch of results in one batch", async () => {
  await using pair = await connect({ add });
  const { client, carriers } = pair;
  await client.call("add", [1, 2]).value();
  const first = Array.from({ length: 20 }, () => client.call("add", [1, 2]));
  carriers.server.pause();
  await eventually(
    () => framesOf(carriers.server.sent).filter((frame) => frame.kind === FrameKind.Done).length === 21,
  );
  const before = carriers.client.sent.length;

  const second = first.map((call) => call.value().then(() => client.call("add", [3, 4]).value()));
  carriers.server.resume();
  await Promise.all(second);

  assert.equal(carriers.client.sent.length - before, 1);
});

test("RunQueue lets results leave before a body that nothing is known about", async () => {
  let sentBefore = 0;
  const slow = (): string => {
    sentBefore = framesOf(pair.carriers.server.sent).filter((frame) => frame.kind === FrameKind.Done).length;
    return busy(5);
  };
  await using pair = await connect({ add, slow });
  const { client } = pair;
  await client.call("add", [1, 2]).value();

  const calls = [client.call("add", [1, 2]), client.call("add", [1, 2]), client.call("slow")];
  await Promise.all(calls.map((call) => call.value()));

  assert.equal(sentBefore, 3);
});

test("RunQueue lets results leave before a body that is known to be long", async () => {
  const sentBefore: number[] = [];
  const slow = (): string => {
    sentBefore.push(
      framesOf(pair.carriers.server.sent).filter((frame) => frame.kind === FrameKind.Done).length,
    );
    return busy(2);
  };
  await using pair = await connect({ add, slow });
  const { client } = pair;
  await client.call("add", [1, 2]).value();
  await client.call("slow").value();

  await Promise.all([client.call("add", [1, 2]).value(), client.call("slow").value()]);

  assert.deepEqual(sentBefore, [1, 3]);
});

test("RunQueue turns the loop between bodies, so that a cancel reaches tasks that wait", async () => {
  await using pair = await connect({ busy });
  const { client, worker } = pair;
  await client.call("busy", [0]).value();
  const reason = payloadOf(new Error("no longer wanted"));

  const calls = Array.from({ length: 40 }, () => client.call("busy", [2]));
  await calls[0]?.outcome;
  for (const call of calls) if (call.outcomes.length === 0) client.session.cancel(call.stream, reason);
  const outcomes = await Promise.all(calls.map((call) => call.outcome));

  const refused = outcomes.filter((outcome) => outcome.kind === "refused").length;
  assert.ok(refused > 0, "some never started");
  assert.equal(worker.starts, 1 + calls.length - refused);
});

test("ServerSession reports how long a body occupied the thread", async () => {
  const later = async (): Promise<string> => {
    busy(3);
    await nextTurn();
    return "late";
  };
  await using pair = await connect({ busy, later });
  const { client } = pair;

  const plain = client.call("busy", [3]);
  await plain.outcome;
  const suspended = client.call("later");
  await suspended.outcome;

  assert.deepEqual(plain.parkedUs, []);
  assert.ok((plain.bodyUs[0] ?? 0) >= 2_900, `${plain.bodyUs[0]} µs`);
  assert.equal(suspended.parkedUs.length + (suspended.bodyUs[0] === 0 ? 0 : 1), 1);
  assert.ok((suspended.parkedUs[0] ?? suspended.bodyUs[0] ?? 0) >= 2_900);
});

test("ServerSession announces that a body has suspended", async () => {
  let open = (): void => {};
  const wait = (): Promise<void> =>
    new Promise((resolve) => {
      open = resolve;
    });
  await using pair = await connect({ wait });
  const { client, carriers } = pair;

  const call = client.call("wait");
  await eventually(() => call.parkedUs.length > 0);
  const outcomesBefore = call.outcomes.length;
  open();
  await call.value();

  assert.equal(outcomesBefore, 0);
  assert.ok((call.parkedUs[0] ?? 0) >= 1);
  const parked = framesOf(carriers.server.sent).filter((frame) => frame.kind === FrameKind.Parked);
  assert.equal(parked.length, 1);
});

test("ServerSession answers a ping while bodies are suspended", async () => {
  await using pair = await connect({ wait: () => new Promise(() => {}) });
  const { client } = pair;
  client.call("wait");

  client.session.ping(42);
  await eventually(() => client.pongs.length > 0);

  assert.deepEqual(client.pongs, [42]);
});
