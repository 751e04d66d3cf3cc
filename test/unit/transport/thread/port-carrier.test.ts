import assert from "node:assert/strict";
import { test } from "node:test";
import { MessageChannel } from "node:worker_threads";
import { LOCAL_PEER, UNKNOWN_PEER } from "../../../../src/credentials/peers/peer.ts";
import { CARRIER_HEADROOM } from "../../../../src/session/carrier.ts";
import { createPortMemory, PortCarrier } from "../../../../src/transport/thread/port-carrier.ts";
import { eventually } from "../../../support/eventually.ts";

const WINDOW = 16_000;

interface End {
  readonly carrier: PortCarrier;
  readonly batches: Uint8Array[];
  drains: number;
  ended: boolean;
}

/** Two ends with a small window. Disposing closes both. */
function connectedEnds(
  options: { readonly local?: boolean; readonly taken?: number } = {},
): AsyncDisposable & {
  readonly left: End;
  readonly right: End;
} {
  const { port1, port2 } = new MessageChannel();
  const { local = false, taken = 0 } = options;
  const memory = createPortMemory(taken);
  const [left, right] = ([port1, port2] as const).map((port, side): End => {
    const carrier = new PortCarrier(port, {
      memory,
      side: side === 0 ? 0 : 1,
      peer: local ? LOCAL_PEER : UNKNOWN_PEER,
      description: `end ${side}`,
      relayed: true,
      windowBytes: WINDOW,
    });
    const end: End = { carrier, batches: [], drains: 0, ended: false };
    carrier.events = {
      batch: (bytes) => end.batches.push(bytes),
      drain: () => {
        end.drains += 1;
      },
      closed: () => {
        end.ended = true;
      },
    };
    return end;
  }) as [End, End];
  return {
    left,
    right,
    async [Symbol.asyncDispose]() {
      left.carrier.destroy();
      right.carrier.destroy();
      await eventually(() => left.ended && right.ended);
    },
  };
}

function batch(bytes: number): Uint8Array {
  return new Uint8Array(CARRIER_HEADROOM + bytes);
}

test("PortCarrier says what it was told about its peer", async () => {
  await using ends = connectedEnds({ local: true });

  assert.equal(ends.left.carrier.local, true);
  assert.equal(ends.left.carrier.description, "end 0");
  assert.equal(ends.left.carrier.volatile, false);
});

test("PortCarrier.send returns false once the window is full, and drain comes when the peer has taken enough", async () => {
  await using ends = connectedEnds();
  const { left, right } = ends;

  const answers = [6_400, 9_600, 1, 1].map((bytes) => left.carrier.send(batch(bytes)));
  await eventually(() => left.drains > 0);

  assert.deepEqual(answers, [true, true, false, false]);
  assert.equal(right.batches.length, 4);
  assert.equal(left.drains, 1);
  assert.equal(left.carrier.send(batch(10)), true);
});

test("PortCarrier takes a batch of any size when the window has room", async () => {
  await using ends = connectedEnds();
  const { left, right } = ends;

  const answer = left.carrier.send(batch(50 * WINDOW));
  await eventually(() => left.drains === 1);

  assert.equal(answer, false);
  assert.equal(right.batches[0]?.length, 50 * WINDOW);
});

test("PortCarrier does not drain while its peer gives no credit, and does when it resumes", async () => {
  await using ends = connectedEnds();
  const { left, right } = ends;
  right.carrier.pauseCredit();

  left.carrier.send(batch(2 * WINDOW));
  right.carrier.send(batch(1));
  await eventually(() => right.batches.length === 1 && left.batches.length === 1);
  const drainsWhilePaused = left.drains;
  right.carrier.resumeCredit();
  await eventually(() => left.drains === 1);

  assert.equal(drainsWhilePaused, 0);
});

test("PortCarrier counts on beyond 2³¹ bytes", async () => {
  const size = 4 * WINDOW;
  await using ends = connectedEnds({ taken: 2 ** 31 - 2 * size - 1 });
  const { left, right } = ends;
  const large = batch(size); // what is sent is a copy
  const answers: boolean[] = [];
  const backlogs: number[] = [];

  for (let sent = 0; sent < 4 * size; sent += size) {
    const drains = left.drains;
    answers.push(left.carrier.send(large));
    backlogs.push(left.carrier.backlogBytes);
    await eventually(() => left.drains > drains, { everyMs: 1 });
    right.batches.length = 0;
  }

  assert.deepEqual(answers, [false, false, false, false]);
  assert.deepEqual(backlogs, [size, size, size, size]);
  assert.equal(left.carrier.send(batch(1)), true);
});

test("PortCarrier does not give away the memory of what it sends", async () => {
  await using ends = connectedEnds();
  const { left, right } = ends;
  const memory = Buffer.from("....head");
  const tail = Buffer.from("tail");

  left.carrier.send(memory, tail);
  memory.fill(0);
  await eventually(() => right.batches.length === 1);

  const [received = new Uint8Array(0)] = right.batches;
  assert.equal(Buffer.from(received).toString(), "headtail");
  assert.equal(received.buffer.byteLength, 8);
  assert.equal(tail.toString(), "tail");
});

test("PortCarrier ignores what is sent after its end", async () => {
  await using ends = connectedEnds();
  const { left, right } = ends;
  left.carrier.close();

  const answer = left.carrier.send(batch(10 * WINDOW));
  await eventually(() => right.ended);

  assert.equal(answer, true);
  assert.equal(right.batches.length, 0);
});

test("PortCarrier counts batches of a few bytes or none, so that no number of them is under way at a time", async () => {
  await using ends = connectedEnds();
  const { left } = ends;

  let taken = 0;
  while (taken < 1_000 && left.carrier.send(batch(taken % 2))) taken += 1;
  await eventually(() => left.drains === 1);

  assert.ok(taken < 10, `${taken} batches within a window of ${WINDOW} bytes`);
  assert.equal(left.carrier.send(batch(0)), true);
});

test("PortCarrier knows before the process ends whether the other end has passed everything on", async () => {
  await using ends = connectedEnds(); // both in this thread, which is held: the other end cannot answer in time
  const { left, right } = ends;

  for (let count = 0; count < 3; count += 1) left.carrier.send(batch(700));
  const before = left.carrier.sendBeforeExit(performance.now() + 5);
  await eventually(() => left.carrier.sendBeforeExit(performance.now()));

  assert.equal(before, false);
  assert.equal(right.batches.length, 3);
});
