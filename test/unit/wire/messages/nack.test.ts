/** The bytes of Nacks, of which a worker that refuses many tasks sends the same few. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createNack, decodeNack, encodeNack } from "../../../../src/wire/messages/nack.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";

test("encodeNack encodes refusals that come in turns once each", () => {
  const nacks = ["one", "two", "three"].map((reason) => createNack(NackCode.FORBIDDEN, reason));
  const first = nacks.map((nack) => encodeNack(nack));

  const again = nacks.map((nack) => encodeNack({ ...nack }));

  for (const [at, bytes] of again.entries()) assert.equal(bytes, first[at]);
});

test("encodeNack tells refusals of one reason apart by all else that they say", () => {
  const nack = { ...createNack(NackCode.FULL, "the same"), version: "1.0.0" };
  const others = [
    { ...nack, code: NackCode.DRAINING },
    { ...nack, retryAfterMs: 10 },
    { ...nack, version: "1.1.0" },
    { ...nack, exception: new Uint8Array([1]) },
  ];
  const bytes = Buffer.from(encodeNack(nack));

  for (const other of others) {
    assert.notDeepEqual(Buffer.from(encodeNack(other)), bytes);
    assert.deepEqual(Buffer.from(encodeNack(nack)), bytes);
  }
});

test("decodeNack keeps the error of a Nack when the memory of its frame is used again", () => {
  const frame = Buffer.from(
    encodeNack({ ...createNack(NackCode.IMPORT_FAILED, "why"), exception: Uint8Array.of(8, 1) }),
  );

  const { exception } = decodeNack(frame, 0, frame.length);
  frame.fill(0);

  assert.deepEqual(exception, Uint8Array.of(8, 1));
});
