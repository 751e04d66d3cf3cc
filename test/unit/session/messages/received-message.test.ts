import assert from "node:assert/strict";
import { test } from "node:test";
import { CARRIER_HEADROOM, type PassedSlab } from "../../../../src/session/carrier.ts";
import { MessageAssembly } from "../../../../src/session/messages/message-assembly.ts";
import { ReceivedMessage } from "../../../../src/session/messages/received-message.ts";
import { Slabs } from "../../../../src/session/messages/slab.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { NO_PAYLOAD, type Payload } from "../../../../src/wire/payload.ts";
import { encodeChunkHead } from "../../../support/chunk-head.ts";
import { batchOf, messageHead, payloadFrom } from "../../../support/protocol-peers.ts";

function readerAt(bytes: Uint8Array): BatchReader {
  const reader = new BatchReader();
  reader.reset(bytes, 0, bytes.length);
  assert.equal(reader.next(), true);
  return reader;
}

function resultOf(data: Uint8Array): Uint8Array {
  return batchOf((writer) =>
    writer.message(7, messageHead(FrameKind.Result, { bodyUs: 3 }), payloadFrom(data)),
  );
}

function dataOf({ bytes, start, end }: Payload): number[] {
  return [...bytes.subarray(start, end)];
}

/** A message of two parts, the first of which is its payload, with these bytes each. */
function assembledOf(payload: readonly number[], part: readonly number[]): MessageAssembly {
  const head = batchOf((writer) =>
    writer.message(9, messageHead(FrameKind.Send, { parts: 2, detached: true }), NO_PAYLOAD),
  );
  const message = new MessageAssembly(readerAt(head), 1000);
  for (const [index, data] of [payload, part].entries()) {
    const chunk = encodeChunkHead(9, index, data.length, true, data.length).subarray(CARRIER_HEADROOM);
    message.add(readerAt(Uint8Array.from([...chunk, ...data])));
  }
  return message;
}

test("ReceivedMessage shows the message of one frame after the other", () => {
  const message = new ReceivedMessage({ volatile: false, local: true });

  const first = message.at(readerAt(resultOf(Uint8Array.of(1, 2))));
  assert.deepEqual(
    [first.kind, first.stream, first.bodyUs, first.empty, dataOf(first)],
    [FrameKind.Result, 7, 3, false, [1, 2]],
  );
  const second = message.at(readerAt(resultOf(new Uint8Array(0))));

  assert.equal(second, first);
  assert.deepEqual([second.empty, dataOf(second), second.parts.length], [true, [], 0]);
});

for (const length of [2, 48, 49, 1000]) {
  test(`ReceivedMessage keeps ${length} bytes of memory that is used again as a copy`, () => {
    const message = new ReceivedMessage({ volatile: true, local: true });
    const data = Uint8Array.from({ length }, (_, at) => at);
    const batch = resultOf(data);

    const kept = message.at(readerAt(batch)).keep();
    batch.fill(0xff);

    assert.deepEqual(dataOf(kept), [...data]);
  });
}

test("ReceivedMessage keeps what lies in memory of its own without a copy", () => {
  const lasting = new ReceivedMessage({ volatile: false, local: true });
  const batch = resultOf(Uint8Array.of(1, 2));
  const volatile = new ReceivedMessage({ volatile: true, local: true });
  const assembled = assembledOf([3, 4], [5]);

  assert.equal(lasting.at(readerAt(batch)).keep().bytes, batch);
  assert.equal(volatile.atAssembled(assembled).keep().bytes, assembled.payload.bytes);
});

test("ReceivedMessage shows a message that has come in chunks, and lets go of it", () => {
  const message = new ReceivedMessage({ volatile: true, local: true });

  message.atAssembled(assembledOf([3, 4], [5]));
  const shown = [message.kind, message.stream, dataOf(message), message.parts.map((part) => [...part])];
  const kept = message.keep();
  message.clear();

  assert.deepEqual(shown, [FrameKind.Send, 9, [3, 4], [[5]]]);
  assert.deepEqual([message.empty, message.bytes.length, message.parts], [true, 0, []]);
  assert.deepEqual(dataOf(kept), [3, 4], "what was kept stays");
});

function slabOf(data: Uint8Array): PassedSlab {
  return new Slabs().write(data, false);
}

/** A message whose payload is in that slab. */
function detachedResult(): Uint8Array {
  return batchOf((writer) =>
    writer.message(7, messageHead(FrameKind.Result, { detached: true, attached: true }), NO_PAYLOAD),
  );
}

function isFree({ memory }: PassedSlab): boolean {
  return new Int32Array(memory, 0, 1)[0] === 0;
}

test("ReceivedMessage shows a payload in a slab with the parts beside it, and lets go of the slab after that", () => {
  const message = new ReceivedMessage({ volatile: true, local: true });
  const slab = slabOf(Uint8Array.of(1, 2, 3));
  const part = Uint8Array.of(4);

  const received = message.atEnclosed(readerAt(detachedResult()), { parts: [part], slab, attachments: [] });

  assert.deepEqual([dataOf(received), received.parts], [[1, 2, 3], [part]]);
  assert.equal(isFree(slab), false);
  message.clear();
  assert.equal(isFree(slab), true);
});

test("ReceivedMessage lends a slab to whoever keeps its payload, who lets go of it once", () => {
  const message = new ReceivedMessage({ volatile: true, local: true });
  const slab = slabOf(Uint8Array.of(1, 2, 3));

  const kept = message.atEnclosed(readerAt(detachedResult()), { parts: [], slab, attachments: [] }).keep();
  message.clear();

  assert.equal(isFree(slab), false);
  assert.deepEqual(dataOf(kept), [1, 2, 3]);
  kept.release?.();
  assert.equal(isFree(slab), true);
  Atomics.store(new Int32Array(slab.memory, 0, 1), 0, 1); // the next payload is in it
  kept.release?.();
  assert.equal(isFree(slab), false);
});
