import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { setImmediate as nextTurn } from "node:timers/promises";
import { CARRIER_HEADROOM, type Carrier } from "../../../src/session/carrier.ts";
import { DEFAULT_LIMITS } from "../../../src/session/limits.ts";
import { OutboundBatch } from "../../../src/session/outbound-batch.ts";
import type { SessionHalf } from "../../../src/session/session-half.ts";
import { FrameKind } from "../../../src/wire/frame-kind.ts";
import { messageHead, payloadFrom } from "../../support/protocol-peers.ts";

interface Recorded {
  readonly batch: OutboundBatch;
  /** What happened, in order. */
  readonly log: string[];
  /** What `send` answers. */
  takesMore: boolean;
  /** Called where the half may add to the turn. */
  onBeforeFlush: () => void;
}

function recorded(flushAfter: SessionHalf["flushAfter"] = "tick", { serves = false } = {}): Recorded {
  const log: string[] = [];
  const carrier = {
    send(batch: Uint8Array) {
      log.push(`sent ${batch.length - CARRIER_HEADROOM}`);
      return state.takesMore;
    },
  } as Partial<Carrier> as Carrier; // nothing else of it is used
  const half = {
    flushAfter,
    serves,
    written() {},
    beforeFlush: () => state.onBeforeFlush(),
    flushed: () => log.push("flushed"),
  } as Partial<SessionHalf> as SessionHalf; // as above
  const batch = new OutboundBatch(carrier, { half, sendBulk() {}, turnSent: () => log.push("turn sent") });
  const state: Recorded = { batch, log, takesMore: true, onBeforeFlush() {} };
  return state;
}

/** Writes a frame of so many bytes of payload; it is a little larger. */
function write({ batch }: Recorded, bytes = 1): void {
  batch.writer.message(1, messageHead(FrameKind.Done), payloadFrom(new Uint8Array(bytes)));
  batch.scheduleFlush();
}

test("OutboundBatch sends what one turn has written in one batch, once the turn is over", async () => {
  const state = recorded();

  write(state);
  write(state);
  queueMicrotask(() => write(state));
  const duringTurn = [...state.log];
  await nextTurn();

  assert.deepEqual(duringTurn, []);
  assert.deepEqual(
    state.log.map((entry) => entry.replace(/\d+/, "n")),
    ["flushed", "sent n", "turn sent"],
  );
});

test("OutboundBatch of a half that waits for microtasks takes in what these cause", async () => {
  const state = recorded("microtasks");

  write(state);
  queueMicrotask(() => queueMicrotask(() => write(state)));
  await nextTurn();

  assert.equal(state.log.filter((entry) => entry.startsWith("sent")).length, 1);
});

test("OutboundBatch lets its half add to the turn before it leaves", async () => {
  const state = recorded();
  state.onBeforeFlush = () => state.batch.writer.parked(1, 5);
  const alone = recorded();

  write(state);
  write(alone);
  await nextTurn();

  assert.equal(state.log.filter((entry) => entry.startsWith("sent")).length, 1);
  assert.notDeepEqual(state.log, alone.log);
});

test("OutboundBatch sends nothing for a turn that has written nothing", async () => {
  const state = recorded();

  state.batch.flush();
  state.batch.scheduleFlush();
  await nextTurn();

  assert.deepEqual(state.log, ["turn sent"]);
});

test("OutboundBatch lets a turn that has grown large leave early, at half of what the peer takes", () => {
  const state = recorded();
  state.batch.keepTo({ ...DEFAULT_LIMITS, maxBatch: 2_000 });

  write(state, 900);
  const before = [...state.log];
  write(state, 900);

  assert.deepEqual(before, []);
  assert.equal(state.log.length, 2);
  assert.equal(state.log[0], "flushed", "its half is told first");
});

test("OutboundBatch is congested from a refusal of the carrier on until it is told of room, and sends all the same", () => {
  const state = recorded();
  state.takesMore = false;

  write(state);
  state.batch.flush();
  const congested = state.batch.congested;
  write(state);
  state.batch.flush();
  state.batch.drained();

  assert.equal(congested, true);
  assert.equal(state.log.filter((entry) => entry.startsWith("sent")).length, 2);
  assert.equal(state.batch.congested, false);
});

test("OutboundBatch sends nothing after its end, neither what was written before nor later", async () => {
  const state = recorded();
  write(state);

  state.batch.end();
  write(state);
  state.batch.flush();
  await nextTurn();

  assert.deepEqual(state.log, []);
  assert.equal(state.batch.ended, true);
});

/** Lets so much time pass at once, as if a program blocked its loop. */
function block(t: TestContext, ms: number): void {
  const now = performance.now.bind(performance);
  t.mock.method(performance, "now", () => now() + ms);
}

for (const [what, options, pauseMs, sentAfterTurns] of [
  ["of a client, after a silence, after what has come was read", { serves: false }, 1_000, 5],
  ["of a client, at the turn's end where there was no silence", { serves: false }, 0, 0],
  ["of a worker, at the turn's end, however long it was silent", { serves: true }, 1_000, 0],
] as const) {
  test(`OutboundBatch sends the frames ${what}`, async (t) => {
    const state = recorded("tick", options);
    block(t, pauseMs);

    write(state);
    await new Promise<void>((resolve) => process.nextTick(() => process.nextTick(resolve)));
    let turns = 0;
    for (; !state.log.includes("turn sent"); turns += 1) await nextTurn();
    write(state);
    await nextTurn();

    assert.equal(turns, sentAfterTurns);
    assert.equal(state.log.filter((entry) => entry === "turn sent").length, 2, "and the next ones at once");
  });
}

test("OutboundBatch keeps back what a client wrote after a silence if the connection has ended meanwhile", async (t) => {
  const state = recorded();
  block(t, 1_000);

  write(state);
  await nextTurn();
  state.batch.end();
  for (let turns = 0; turns < 10; turns += 1) await nextTurn();

  assert.deepEqual(state.log, []);
});
