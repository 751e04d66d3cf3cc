import assert from "node:assert/strict";
import { test } from "node:test";
import { CARRIER_HEADROOM } from "../../../../src/session/carrier.ts";
import { MessageAssembly } from "../../../../src/session/messages/message-assembly.ts";
import { BatchReader } from "../../../../src/wire/batch/reader.ts";
import { FrameKind } from "../../../../src/wire/frame-kind.ts";
import { encodeChunkHead } from "../../../support/chunk-head.ts";
import { batchOf, messageHead, payloadFrom } from "../../../support/protocol-peers.ts";

const PROTOCOL = { code: "ERR_MERINO_PROTOCOL" };
const MIB = 1024 * 1024;

/** A message with the inline bytes 10, 11 and parts to come. */
function messageWith(
  fields: { readonly parts?: number; readonly detached?: boolean } = {},
  maxBytes = 1000,
): MessageAssembly {
  const { parts = 1, detached = false } = fields;
  const bytes = batchOf((writer) =>
    writer.message(
      5,
      messageHead(FrameKind.Result, { parts, detached, bodyUs: 3 }),
      payloadFrom(Uint8Array.of(10, 11)),
    ),
  );
  const message = new MessageAssembly(readerAt(bytes), maxBytes);
  bytes.fill(0xff); // the batch's memory may be used again
  return message;
}

function readerAt(bytes: Uint8Array): BatchReader {
  const reader = new BatchReader();
  reader.reset(bytes, 0, bytes.length);
  assert.equal(reader.next(), true);
  return reader;
}

function add(
  message: MessageAssembly,
  chunk: { part: number; total: number; last: boolean },
  data: readonly number[],
): boolean {
  const head = encodeChunkHead(5, chunk.part, chunk.total, chunk.last, data.length);
  const bytes = Uint8Array.from([...head.subarray(CARRIER_HEADROOM), ...data]);
  const complete = message.add(readerAt(bytes));
  bytes.fill(0xff);
  return complete;
}

test("MessageAssembly puts its parts together beside the inline payload, in memory of its own", () => {
  const message = messageWith({ parts: 2 });

  const completed = [
    add(message, { part: 0, total: 3, last: false }, [1, 2]),
    add(message, { part: 0, total: 3, last: true }, [3]),
    add(message, { part: 1, total: 0, last: true }, []),
  ];

  assert.deepEqual(completed, [false, false, true]);
  const { bytes, start, end, parts } = message.payload;
  assert.deepEqual([...bytes.subarray(start, end)], [10, 11]);
  assert.deepEqual(
    parts.map((part) => [...part]),
    [[1, 2, 3], []],
  );
});

test("MessageAssembly takes its first part for the payload where that is detached", () => {
  const message = messageWith({ parts: 2, detached: true });
  add(message, { part: 0, total: 2, last: true }, [1, 2]);
  add(message, { part: 1, total: 1, last: true }, [3]);

  const { bytes, start, end, parts } = message.payload;

  assert.deepEqual([...bytes.subarray(start, end)], [1, 2]);
  assert.deepEqual(
    parts.map((part) => [...part]),
    [[3]],
  );
});

test("MessageAssembly accepts a total that is stated in the first chunk only", () => {
  const message = messageWith();
  add(message, { part: 0, total: 2, last: false }, [1]);

  assert.equal(add(message, { part: 0, total: 0, last: true }, [2]), true);
});

const BROKEN: readonly (readonly [
  string,
  readonly (readonly [{ part: number; total: number; last: boolean }, readonly number[]])[],
])[] = [
  ["of a part that is not its turn", [[{ part: 1, total: 1, last: true }, [1]]]],
  [
    "that changes the part's size",
    [
      [{ part: 0, total: 3, last: false }, [1]],
      [{ part: 0, total: 4, last: false }, [2]],
    ],
  ],
  ["beyond the size announced", [[{ part: 0, total: 1, last: true }, [1, 2]]]],
  ["that ends its part early", [[{ part: 0, total: 2, last: true }, [1]]]],
  ["that brings nothing and is not the last", [[{ part: 0, total: 2, last: false }, []]]],
  ["of more than the limit, the inline payload included", [[{ part: 0, total: 999, last: false }, [1]]]],
];

for (const [what, chunks] of BROKEN) {
  test(`MessageAssembly refuses a chunk ${what}`, () => {
    const message = messageWith();
    const [last, ...before] = [...chunks].reverse();
    for (const [chunk, data] of before.reverse()) add(message, chunk, data);
    assert.ok(last !== undefined);

    assert.throws(() => add(message, last[0], last[1]), PROTOCOL);
  });
}

test("MessageAssembly does not set aside what a peer merely announces", () => {
  const before = process.memoryUsage().arrayBuffers;
  const messages = Array.from({ length: 100 }, () => messageWith({}, 200 * MIB));

  for (const message of messages) add(message, { part: 0, total: 100 * MIB, last: false }, [1]);
  const grown = process.memoryUsage().arrayBuffers - before;

  assert.ok(grown <= 128 * MIB, `${grown} bytes for 100 bytes that came`);
  assert.equal(messages.length, 100);
});
