import assert from "node:assert/strict";
import { test } from "node:test";
import { CARRIER_HEADROOM } from "../../../../src/session/carrier.ts";
import { DEFAULT_LIMITS } from "../../../../src/session/limits.ts";
import { InboundMessages } from "../../../../src/session/messages/inbound-messages.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import type { BatchWriter } from "../../../../src/wire/batch/writer.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { NO_PAYLOAD } from "../../../../src/wire/payload.ts";
import { TaskFlag } from "../../../../src/wire/task/flags.ts";
import { encodeChunkHead } from "../../../support/chunk-head.ts";
import { batchOf, headOf, messageHead } from "../../../support/protocol-peers.ts";

const PROTOCOL = { code: "ERR_MERINO_PROTOCOL" };

/** A reader at the first frame that is written. */
function readerOf(write: (writer: BatchWriter) => void): BatchReader {
  return readerAt(batchOf(write));
}

/** A reader at the one chunk of a part. */
function chunkOf(stream: number, data: readonly number[]): BatchReader {
  const head = encodeChunkHead(stream, 0, data.length, true, data.length);
  return readerAt(Uint8Array.from([...head.subarray(CARRIER_HEADROOM), ...data]));
}

function readerAt(bytes: Uint8Array): BatchReader {
  const reader = new BatchReader();
  reader.reset(bytes, 0, bytes.length);
  assert.equal(reader.next(), true);
  return reader;
}

const resultHead = (stream: number): BatchReader =>
  readerOf((writer) =>
    writer.message(stream, messageHead(FrameKind.Result, { parts: 1, bodyUs: 8 }), NO_PAYLOAD),
  );

function holding(maxOpenMessages: number, ...streams: readonly number[]): InboundMessages {
  const messages = new InboundMessages({ ...DEFAULT_LIMITS, maxOpenMessages });
  for (const stream of streams) messages.open(resultHead(stream));
  return messages;
}

test("InboundMessages keeps one message a stream, with what its head says", () => {
  const messages = holding(10, 4);

  const message = messages.begun(4);

  assert.equal(messages.has(4), true);
  assert.equal(messages.has(5), false);
  assert.deepEqual([message?.kind, message?.stream, message?.bodyUs], [FrameKind.Result, 4, 8]);
  assert.equal(messages.begun(5), undefined);
});

test("InboundMessages knows a task's detached arguments by the task's flags", () => {
  const messages = holding(10);
  messages.open(
    readerOf((writer) => writer.task(9, headOf({ parts: 1, flags: TaskFlag.Detached }), NO_PAYLOAD)),
  );

  const message = messages.begun(9);
  message?.add(chunkOf(9, [1, 2]));

  assert.deepEqual([...(message?.payload.bytes ?? [])], [1, 2]);
  assert.equal(message?.payload.parts.length, 0);
});

test("InboundMessages counts a message from its first chunk on, and lets no more begin than allowed", () => {
  const messages = holding(2, 1, 2, 3);
  messages.begun(1);
  messages.begun(2);

  assert.ok(messages.begun(1) !== undefined, "one that has begun may go on");
  assert.throws(() => messages.begun(3), PROTOCOL);
  messages.drop(1);
  assert.ok(messages.begun(3) !== undefined);
});

test("InboundMessages gives no place free for dropping what had not begun, or was dropped before", () => {
  const messages = holding(1, 1, 2, 3);
  messages.begun(1);

  messages.drop(2);
  messages.drop(2);

  assert.throws(() => messages.begun(3), PROTOCOL);
});

test("InboundMessages forgets everything when it is cleared", () => {
  const messages = holding(10, 1, 2);

  messages.clear();

  assert.equal(messages.has(1), false);
  assert.equal(messages.begun(2), undefined);
});
