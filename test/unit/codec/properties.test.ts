/** Laws of the codec over arbitrary values: what is sent arrives, and encoding is a function of the value. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import { withUtf8Text } from "../../../src/codec/encode/utf8-text.ts";
import { UNIT_TEXT_LENGTH } from "../../../src/codec/format.ts";
import { assertSame } from "./assert-same.ts";
import { Point } from "./awkward-classes.ts";
import { messageOf, receive, references, roundTrip, send, sendUnits } from "./support.ts";

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "binary" }),
  fc.string({ unit: "grapheme", maxLength: 60 }),
);
/** Strings of arbitrary UTF-16 code units, paired or not. */
const codeUnits = fc
  .array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 50 })
  .map((units) => String.fromCharCode(...units));

const scalar = fc.oneof(
  fc.constantFrom(undefined, null, true, false, -0, Number.NaN),
  fc.integer(),
  fc.double(),
  fc.bigInt(),
  fc.bigInt({ min: -(2n ** 200n), max: 2n ** 200n }),
  text,
  codeUnits,
);

const leaf = fc.oneof(
  { weight: 6, arbitrary: scalar },
  fc.date({ noInvalidDate: false }),
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  fc.float64Array(),
  fc.bigInt64Array(),
  fc.uint8Array().map((bytes) => bytes.buffer as ArrayBuffer),
  fc.webUrl().map((url) => new URL(url)),
  fc.constantFrom(/a+/g, /\//u),
  fc.tuple(fc.double(), fc.integer()).map(([x, y]) => new Point(x, y)),
);

/**
 * Values of every supported kind, nested; some leaves occur in several places.
 *
 * @param messages Of the errors among them.
 */
function values(messages: fc.Arbitrary<string>): fc.Arbitrary<unknown> {
  return fc.letrec<{ value: unknown; shared: unknown }>((tie) => ({
    shared: fc.constantFrom({ shared: 1 }, new Map([["shared", 1]]), [1, 2]),
    value: fc.oneof(
      { depthSize: "small", withCrossShrink: true },
      leaf,
      tie("shared"),
      fc.array(tie("value")),
      fc.sparseArray(tie("value")),
      fc.dictionary(fc.oneof(text, codeUnits), tie("value")),
      fc.dictionary(text, tie("value"), { noNullPrototype: false }),
      fc.array(fc.tuple(tie("value"), tie("value"))).map((entries) => new Map(entries)),
      fc.array(tie("value")).map((members) => new Set(members)),
      fc
        .record({
          message: messages,
          cause: tie("value"),
          fields: fc.dictionary(fc.constantFrom("code", "info"), tie("value")),
        })
        .map(({ message, cause, fields }) => Object.assign(new TypeError(message, { cause }), fields)),
    ),
  })).value;
}

test("encodeValue and decodeValue deliver every value as itself", () => {
  fc.assert(
    fc.property(values(text), (sent) => {
      assertSame(roundTrip(sent), sent);
    }),
    { numRuns: 150 },
  );
});

/** Text of either form of code units, some of it too short for them. */
const longText = fc
  .tuple(fc.oneof(fc.string(), fc.string({ unit: "binary" }), codeUnits), fc.integer({ min: 1, max: 40 }))
  .map(([one, count]) => one.repeat(count));

test("encodeValue and decodeValue deliver every text as its code units as itself", () => {
  fc.assert(
    fc.property(values(longText), longText, (sent, alone) => {
      const both = [sent, alone];
      assertSame(receive(sendUnits(both)), both);
    }),
    { numRuns: 100 },
  );
});

test("withUtf8Text rewrites a payload to what it is without code units", () => {
  fc.assert(
    fc.property(values(longText), longText, (sent, alone) => {
      const both = [alone, sent, new Map([[alone, { alone }]])];
      const encoded = { ...encodeValue(both, { root: "value", references, textUnits: true }) };

      const rewritten = withUtf8Text(encoded);

      assert.ok(encoded.textUnits === true || alone.length < UNIT_TEXT_LENGTH);
      assert.deepEqual(messageOf(rewritten), send(both));
    }),
    { numRuns: 100 },
  );
});

test("encodeValue writes what arrived as it wrote what was sent", () => {
  fc.assert(
    // A stack, which repeats the message, arrives with what a terminal would obey escaped.
    fc.property(values(fc.string()), (sent) => {
      const message = send(sent);

      assert.deepEqual(send(roundTrip(sent)).bytes, message.bytes);
    }),
    { numRuns: 100 },
  );
});

test("encodeValue and decodeValue keep every graph of objects", () => {
  const graph = fc.integer({ min: 1, max: 40 }).chain((size) =>
    fc
      .array(fc.tuple(fc.nat(size - 1), fc.nat(size - 1), fc.constantFrom("a", "b", "c")), { maxLength: 100 })
      .map((edges) => {
        const nodes = Array.from({ length: size }, (_, id): Record<string, unknown> => ({ id }));
        for (const [from, to, label] of edges) (nodes[from] as Record<string, unknown>)[label] = nodes[to];
        return nodes;
      }),
  );

  fc.assert(
    fc.property(graph, (nodes) => {
      assertSame(roundTrip(nodes), nodes);
    }),
    { numRuns: 150 },
  );
});
