import assert from "node:assert/strict";
import { test } from "node:test";
import { CARRIER_HEADROOM, type Carrier } from "../../../../src/session/carrier.ts";
import { OutboundTransfer } from "../../../../src/session/messages/outbound-transfer.ts";
import { OutboundBatch } from "../../../../src/session/outbound-batch.ts";
import type { SessionHalf } from "../../../../src/session/session-half.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";

interface SeenChunk {
  readonly stream: number;
  readonly part: number;
  readonly total: number;
  readonly last: boolean;
  readonly data: readonly number[];
}

/** A batch that leaves through a carrier of which only `send` is used. */
function recordingBatch(answer = true): {
  readonly batch: OutboundBatch;
  readonly chunks: SeenChunk[];
  readonly tails: Uint8Array[];
} {
  const chunks: SeenChunk[] = [];
  const tails: Uint8Array[] = [];
  const carrier: Carrier = {
    volatile: false,
    local: true,
    description: "recorder",
    events: undefined,
    send(batch, tail = new Uint8Array(0)) {
      tails.push(tail);
      const bytes = Buffer.concat([batch.subarray(CARRIER_HEADROOM), tail]);
      const reader = new BatchReader();
      reader.reset(bytes, 0, bytes.length);
      assert.equal(reader.next(), true);
      assert.equal(reader.kind, FrameKind.Chunk);
      chunks.push({
        stream: reader.stream,
        part: reader.chunk.part,
        total: reader.chunk.total,
        last: reader.chunk.last,
        data: [...bytes.subarray(reader.payload.start, reader.payload.end)],
      });
      assert.equal(reader.next(), false);
      return answer;
    },
    close() {},
    destroy() {},
  };
  const half = { flushed() {} } as Partial<SessionHalf> as SessionHalf; // nothing else of it is used
  const batch = new OutboundBatch(carrier, { half, sendBulk() {}, turnSent() {} });
  return { batch, chunks, tails };
}

test("OutboundTransfer cuts its parts into chunks of at most the length given, in order", () => {
  const { batch, chunks } = recordingBatch();
  const transfer = new OutboundTransfer(7, [Uint8Array.of(1, 2, 3, 4, 5), Uint8Array.of(6, 7)]);

  const sent: number[] = [];
  while (!transfer.done) sent.push(transfer.sendChunk(batch, 2));

  assert.deepEqual(sent, [2, 2, 1, 2]);
  assert.deepEqual(chunks, [
    { stream: 7, part: 0, total: 5, last: false, data: [1, 2] },
    { stream: 7, part: 0, total: 5, last: false, data: [3, 4] },
    { stream: 7, part: 0, total: 5, last: true, data: [5] },
    { stream: 7, part: 1, total: 2, last: true, data: [6, 7] },
  ]);
});

test("OutboundTransfer sends an empty part as one chunk that is the last", () => {
  const { batch, chunks } = recordingBatch();
  const transfer = new OutboundTransfer(1, [new Uint8Array(0), Uint8Array.of(9)]);

  transfer.sendChunk(batch, 10);
  assert.equal(transfer.done, false);
  transfer.sendChunk(batch, 10);

  assert.equal(transfer.done, true);
  assert.deepEqual(chunks[0], { stream: 1, part: 0, total: 0, last: true, data: [] });
});

test("OutboundTransfer hands the carrier the part's own memory, and the batch what the carrier answers", () => {
  const { batch, tails } = recordingBatch(false);
  const part = Uint8Array.of(1, 2, 3);

  new OutboundTransfer(1, [part]).sendChunk(batch, 2);

  assert.equal(batch.congested, true);
  assert.equal(tails[0]?.buffer, part.buffer);
});

test("OutboundTransfer that is done sends nothing more", () => {
  const { batch, chunks } = recordingBatch();
  const transfer = new OutboundTransfer(1, [Uint8Array.of(1)]);
  transfer.sendChunk(batch, 10);

  assert.equal(transfer.sendChunk(batch, 10), 0);
  assert.equal(chunks.length, 1);
});
