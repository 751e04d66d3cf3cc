/** How a gRPC stream is cut into messages. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { GrpcMessageReader } from "../../../../src/transport/grpc/message-reader.ts";

function framed(content: Uint8Array, flag = 0): Buffer {
  const prefix = Buffer.alloc(5);
  prefix[0] = flag;
  prefix.writeUInt32BE(content.length, 1);
  return Buffer.concat([prefix, content]);
}

function collect(maxBytes: number): { readonly reader: GrpcMessageReader; readonly messages: Buffer[] } {
  const messages: Buffer[] = [];
  const reader = new GrpcMessageReader(maxBytes, (bytes, start, end) =>
    messages.push(Buffer.from(bytes.subarray(start, end))),
  );
  return { reader, messages };
}

test("GrpcMessageReader puts messages together however they are cut", () => {
  const contents = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 });
  const cuts = fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 30 });

  fc.assert(
    fc.property(contents, cuts, (expected, lengths) => {
      const stream = Buffer.concat(expected.map((content) => framed(content)));
      const { reader, messages } = collect(40);

      for (let at = 0, cut = 0; at < stream.length; cut++) {
        const length = lengths[cut % lengths.length] ?? 1;
        reader.read(stream.subarray(at, at + length));
        at += length;
      }

      assert.deepEqual(
        messages,
        expected.map((content) => Buffer.from(content)),
      );
      assert.equal(reader.complete, true);
    }),
  );
});

test("GrpcMessageReader hands a message that arrives whole out in place", () => {
  const chunk = Buffer.concat([framed(Buffer.from("one")), framed(Buffer.from("two"))]);
  const places: number[] = [];
  const reader = new GrpcMessageReader(10, (bytes, start) => {
    if (bytes.buffer === chunk.buffer) places.push(start);
  });

  reader.read(chunk);

  assert.deepEqual(places, [5, 13]);
});

test("GrpcMessageReader tells whether a message is cut off", () => {
  const stream = framed(Buffer.from("content"));

  for (let length = 1; length < stream.length; length++) {
    const { reader } = collect(10);
    reader.read(stream.subarray(0, length));

    assert.equal(reader.complete, false, `${length} bytes`);
  }
});

test("GrpcMessageReader refuses a message beyond the limit before it has come, however the length arrives", () => {
  const announced = framed(Buffer.alloc(11)).subarray(0, 5);
  const refusal = { code: "ERR_MERINO_PROTOCOL" };

  assert.throws(() => collect(10).reader.read(announced), refusal);
  for (let cut = 1; cut < 5; cut++) {
    const { reader } = collect(10);
    reader.read(announced.subarray(0, cut));

    assert.throws(() => reader.read(announced.subarray(cut)), refusal, `cut at ${cut}`);
  }
  const { reader, messages } = collect(11);
  reader.read(framed(Buffer.alloc(11)));
  assert.equal(messages.length, 1);
});

test("GrpcMessageReader refuses a compressed message", () => {
  assert.throws(() => collect(10).reader.read(framed(Buffer.from("x"), 1)), { code: "ERR_MERINO_PROTOCOL" });
});

test("GrpcMessageReader joins long messages, and sets aside no more than twice what has come, and a little", () => {
  const content = Buffer.alloc(3 * 1024 * 1024 + 7, "merino ");
  const stream = Buffer.concat([framed(content), framed(Buffer.from("next"))]);
  const { reader, messages } = collect(content.length);
  const CHUNK = 16 * 1024;

  for (let at = 0; at < stream.length; at += CHUNK) {
    reader.read(stream.subarray(at, at + CHUNK));

    assert.ok(reader.heldBytes <= 2 * (at + CHUNK) + 256 * 1024, `${reader.heldBytes} of ${at + CHUNK}`);
  }

  assert.equal(reader.heldBytes, 0);
  assert.ok(messages[0]?.equals(content));
  assert.deepEqual(messages[1], Buffer.from("next"));
});

test("GrpcMessageReader sets nothing aside for a claim", () => {
  const { reader } = collect(16 * 1024 * 1024);
  const claim = framed(Buffer.alloc(16 * 1024 * 1024)).subarray(0, 5);

  reader.read(claim);

  assert.equal(reader.heldBytes, 0);
  assert.equal(reader.complete, false);
});
