/** Short strings are made here and not by the engine, and have to be what the engine would make. */
import assert from "node:assert/strict";
import { isUtf8 } from "node:buffer";
import { test } from "node:test";
import fc from "fast-check";
import { shortAscii, shortUtf8, shortUtf16 } from "../../../../src/codec/decode/short-text.ts";

/** Bytes with many that begin or continue a character. */
const anyBytes = fc
  .array(
    fc.oneof(
      fc.integer({ min: 0, max: 255 }),
      fc.constantFrom(0x61, 0x80, 0xbf, 0xc2, 0xe2, 0xed, 0xf0, 0xf4),
    ),
    {
      maxLength: 10,
    },
  )
  .map((bytes) => Buffer.from(bytes));

test("shortUtf8 makes what the engine makes of UTF-8, and nothing of other bytes", () => {
  const check = (bytes: Buffer): void => {
    const padded = Buffer.concat([Buffer.of(0xe2, 0x82), bytes, Buffer.of(0xac)]);
    assert.equal(shortUtf8(padded, 2, bytes.length), isUtf8(bytes) ? bytes.toString() : undefined);
  };

  fc.assert(fc.property(anyBytes, check), { numRuns: 2_000 });
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 3 }), (text) =>
      check(Buffer.from(text).subarray(0, 10)),
    ),
  );
});

test("shortUtf8 leaves longer texts to the engine", () => {
  assert.equal(shortUtf8(Buffer.from("é".repeat(6)), 0, 12), undefined);
});

test("shortAscii and shortUtf16 make what the engine makes", () => {
  fc.assert(
    fc.property(anyBytes, (bytes) => {
      const even = bytes.length & ~1;
      assert.equal(shortUtf16(bytes, 0, even), bytes.toString("utf16le", 0, even));
      const isAscii = bytes.every((byte) => byte < 0x80);
      assert.equal(shortAscii(bytes, 0, bytes.length), isAscii ? bytes.toString() : undefined);
    }),
  );
});
