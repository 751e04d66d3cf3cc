import assert from "node:assert/strict";
import { test } from "node:test";
import { isLent } from "../../../../src/codec/beside/claims.ts";
import { CARRIER_HEADROOM, type Carrier } from "../../../../src/session/carrier.ts";
import { CHUNK_SIZE } from "../../../../src/session/limits.ts";
import { OutboundMessages } from "../../../../src/session/messages/outbound-messages.ts";
import { OutboundBatch } from "../../../../src/session/outbound-batch.ts";
import type { SessionHalf } from "../../../../src/session/session-half.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import type { Limits } from "../../../../src/wire/frames.ts";
import { NO_PARTS, type Payload } from "../../../../src/wire/payload.ts";
import { TaskFlag } from "../../../../src/wire/task/flags.ts";
import { headOf, helloWith } from "../../../support/protocol-peers.ts";

interface Recorded {
  /** Who waits until everything has left. */
  readonly written: (() => void)[];
  readonly messages: OutboundMessages;
  readonly batch: OutboundBatch;
  /** What `send` answers. */
  takesMore: boolean;
  /** Sends what is due and lists all frames so far, as `kind stream:bytes`. */
  frames(): string[];
  /** Sends a message as a result of its stream. */
  result(stream: number, payload: Payload): void;
}

const KINDS: Readonly<Record<number, string>> = {
  [FrameKind.Result]: "result",
  [FrameKind.Chunk]: "chunk",
  [FrameKind.Next]: "next",
  [FrameKind.Task]: "task",
};

function recorded(
  peer: { readonly limits?: Partial<Limits>; readonly features?: readonly number[] } = {},
): Recorded {
  const sent: Uint8Array[] = [];
  const written: (() => void)[] = [];
  const carrier = {
    send(batch: Uint8Array, tail: Uint8Array = new Uint8Array(0)) {
      sent.push(Buffer.concat([batch.subarray(CARRIER_HEADROOM), tail]));
      return state.takesMore;
    },
    whenWritten: (done: () => void) => void written.push(done),
  } as Partial<Carrier> as Carrier; // nothing else of it is used
  const half = {
    flushAfter: "tick",
    written() {},
    beforeFlush() {},
    flushed() {},
  } as Partial<SessionHalf> as SessionHalf; // as above
  const batch = new OutboundBatch(carrier, { half, sendBulk() {}, turnSent() {} });
  const messages = new OutboundMessages(carrier, batch);
  messages.keepTo(helloWith(peer));
  const state: Recorded = {
    written,
    messages,
    batch,
    takesMore: true,
    frames() {
      batch.flush();
      messages.pump();
      const reader = new BatchReader();
      return sent.flatMap((bytes) => {
        const frames: string[] = [];
        reader.reset(bytes, 0, bytes.length);
        while (reader.next()) {
          frames.push(`${KINDS[reader.kind]} ${reader.stream}:${reader.payload.end - reader.payload.start}`);
        }
        return frames;
      });
    },
    result(stream, payload) {
      messages.message(stream, FrameKind.Result, payload, 0);
    },
  };
  return state;
}

function payload(bytes: number, ...parts: readonly number[]): Payload {
  return {
    bytes: new Uint8Array(bytes),
    start: 0,
    end: bytes,
    parts: parts.length === 0 ? NO_PARTS : parts.map((length) => new Uint8Array(length)),
  };
}

test("OutboundMessages sends a small message in one frame, and a larger one as a head and chunks", () => {
  const state = recorded();

  state.result(1, payload(10));
  state.result(2, payload(CHUNK_SIZE + 1));
  state.result(3, payload(5, 7));

  assert.deepEqual(state.frames().sort(), [
    "chunk 2:1",
    `chunk 2:${CHUNK_SIZE}`,
    "chunk 3:7",
    "result 1:10",
    "result 2:0",
    "result 3:5",
  ]);
});

test("OutboundMessages sends a message of any size in one frame to a peer that takes no parts", () => {
  const state = recorded({ features: [] });

  state.result(1, payload(CHUNK_SIZE + 1));

  assert.equal(state.messages.takesParts, false);
  assert.deepEqual(state.frames(), [`result 1:${CHUNK_SIZE + 1}`]);
});

test("OutboundMessages sends chunks of several streams in turn", () => {
  const state = recorded({ limits: { maxBatch: 40 } });

  state.result(1, payload(0, 20));
  state.result(2, payload(0, 20));

  assert.deepEqual(
    state.frames().filter((frame) => frame.startsWith("chunk")),
    ["chunk 1:10", "chunk 2:10", "chunk 1:10", "chunk 2:10"],
  );
});

test("OutboundMessages goes on with the next stream each time that it had to wait", () => {
  const state = recorded({ limits: { maxBatch: 40, connectionWindow: 10 } });

  state.result(1, payload(0, 20));
  state.result(2, payload(0, 20));
  for (let turn = 0; turn < 4; turn++) {
    state.frames();
    state.messages.windowReturned(10);
  }

  assert.deepEqual(
    state.frames().filter((frame) => frame.startsWith("chunk")),
    ["chunk 1:10", "chunk 2:10", "chunk 1:10", "chunk 2:10"],
  );
});

test("OutboundMessages has no more messages under way than the peer allows, while heads go out", () => {
  const state = recorded({ limits: { maxBatch: 40, maxOpenMessages: 1 } });

  state.result(1, payload(0, 20));
  state.result(2, payload(0, 10));

  assert.deepEqual(state.frames(), ["result 1:0", "result 2:0", "chunk 1:10", "chunk 1:10", "chunk 2:10"]);
});

test("OutboundMessages lets nothing on a stream overtake the parts before it, and everything on another", () => {
  const state = recorded();
  state.takesMore = false;
  state.result(1, payload(0, 10));
  state.batch.flush(); // the carrier is full: parts wait

  state.result(1, payload(3));
  state.messages.next(1);
  state.result(2, payload(4));
  const waiting = state.frames();
  state.takesMore = true;
  state.batch.drained();

  assert.deepEqual(waiting, ["result 1:0", "result 2:4"]);
  assert.deepEqual(state.frames().slice(2), ["chunk 1:10", "result 1:3", "next 1:0"]);
});

test("OutboundMessages keeps order when what had to wait brings parts of its own", () => {
  const state = recorded();
  state.takesMore = false;
  state.result(1, payload(0, 10));
  state.batch.flush();
  state.result(1, payload(1, 20));
  state.result(1, payload(2));
  state.takesMore = true;
  state.batch.drained();

  assert.deepEqual(state.frames(), ["result 1:0", "chunk 1:10", "result 1:1", "chunk 1:20", "result 1:2"]);
});

test("OutboundMessages stops at the peer's window and goes on when some of it is returned", () => {
  const state = recorded({ limits: { maxBatch: 40, connectionWindow: 15 } });

  state.result(1, payload(0, 40));
  const first = state.frames().length;
  const congested = state.messages.congested;
  state.messages.windowReturned(10);
  const second = state.frames().length;
  state.messages.windowReturned(30);

  assert.deepEqual([first, congested, second], [3, true, 4]); // the head and two chunks, one more
  assert.equal(state.frames().length, 5);
});

test("OutboundMessages counts what it writes into a frame against the window", () => {
  const state = recorded({ limits: { connectionWindow: 100 } });

  state.messages.task(1, headOf({}), payload(99));
  const before = state.messages.congested;
  state.result(1, payload(1));

  assert.deepEqual([before, state.messages.congested], [false, true]);
});

test("OutboundMessages says in a task's head what of its arguments follows", () => {
  const state = recorded();
  const heads: (readonly [flags: number, parts: number])[] = [];
  const { writer } = state.batch;
  const write = writer.task.bind(writer);
  writer.task = (stream, fields, args) => {
    heads.push([fields.flags, fields.parts]);
    write(stream, fields, args);
  };

  state.messages.task(1, headOf({}), payload(10));
  state.messages.task(2, headOf({}), payload(10, 7));
  state.messages.task(3, headOf({}), payload(CHUNK_SIZE + 1, 7));

  const { NextImplied, Detached } = TaskFlag;
  assert.deepEqual(heads, [
    [NextImplied, 0],
    [NextImplied, 1],
    [NextImplied | Detached, 2],
  ]);
  assert.deepEqual(state.frames().slice(0, 3), ["task 1:10", "task 2:10", "task 3:0"]);
});

test("OutboundMessages refuses a peer that returns more than anybody can have sent", () => {
  const { messages } = recorded();

  assert.throws(() => messages.windowReturned(2 ** 41), { code: "ERR_MERINO_PROTOCOL" });
});

test("OutboundMessages drops a stream's parts, and what was to follow them", () => {
  const state = recorded();
  state.takesMore = false;
  state.result(1, payload(0, 10));
  state.result(2, payload(0, 20));
  state.batch.flush();
  state.result(1, payload(3));
  state.messages.drop(1);
  state.takesMore = true;
  state.batch.drained();

  assert.deepEqual(state.frames(), ["result 1:0", "result 2:0", "chunk 2:20"]);
  state.result(1, payload(1));
  assert.equal(state.frames().at(-1), "result 1:1", "nothing is before it any more");
});

test("OutboundMessages tells when the last part of a message has been handed over, and not if it is dropped", () => {
  const state = recorded();
  const told: number[] = [];
  state.result(1, payload(0, 10, 20));
  state.result(2, payload(0, 30));
  state.result(3, payload(5));

  const waits = [1, 2, 3].map((stream) => state.messages.whenTransferred(stream, () => told.push(stream)));
  state.messages.drop(2);
  const before = [...told];
  state.frames();

  assert.deepEqual(waits, [true, true, false]);
  assert.deepEqual(before, []);
  assert.deepEqual(told, [1]);
});

test("OutboundMessages lends the memory that it sends from until that has left, and that of what waits behind it", () => {
  const t = recorded();
  const [first, behind] = [new Uint8Array(2 * CHUNK_SIZE), new Uint8Array(2 * CHUNK_SIZE)];
  const of = (part: Uint8Array): Payload => ({ bytes: new Uint8Array(0), start: 0, end: 0, parts: [part] });
  t.takesMore = false; // after the first chunk nothing more is taken
  t.result(1, of(first));
  t.messages.pump();
  t.result(1, of(behind));

  const whileSent = [isLent(first.buffer), isLent(behind.buffer)];
  t.takesMore = true;
  t.messages.resume();
  const handedOver = [isLent(first.buffer), isLent(behind.buffer)];
  for (const done of t.written.splice(0)) done();

  assert.deepEqual(whileSent, [true, true]);
  assert.deepEqual(handedOver, [true, true]);
  assert.deepEqual([isLent(first.buffer), isLent(behind.buffer)], [false, false]);
});
