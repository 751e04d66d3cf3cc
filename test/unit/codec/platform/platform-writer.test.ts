/** Objects of the platform there and back: what is exact, and what is refused with what to do. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeValue } from "../../../../src/codec/decode/decoder.ts";
import { encodeValue } from "../../../../src/codec/encode/encoder.ts";
import type { EncodeOptions } from "../../../../src/codec/encode/encoding.ts";
import { NotSerializableError } from "../../../../src/errors/not-serializable-error.ts";
import { references, roundTrip, send } from "../support.ts";

const streams: object[] = [];
const flows = {
  addFlow: (value: object) => streams.push(value) - 1,
  flowOf: (_kind: number, index: number) => streams[index],
};

function throughPlatform(value: unknown): unknown {
  const encoded = encodeValue(value, { root: "args", references, platform: true, flows });
  return decodeValue(encoded, { references, source: { local: true }, flows });
}

function refusalOf(value: unknown, options: Partial<EncodeOptions>): NotSerializableError {
  try {
    encodeValue([{ deep: value }], { root: "args", references, platform: true, ...options });
  } catch (error) {
    assert.ok(error instanceof NotSerializableError);
    assert.equal(error.path.startsWith("args[0].deep"), true, error.path);
    return error;
  }
  return assert.fail("it was not refused");
}

/** One that does the same: each with options of which some are lost in what an object says of itself. */
const DATES = [
  {},
  { dateStyle: "full", timeStyle: "long" },
  { hour: "numeric", minute: "2-digit", hour12: false },
  { hour: "numeric", hourCycle: "h11" },
  { weekday: "long", year: "numeric", month: "long", day: "numeric" },
  { month: "narrow", day: "numeric" },
  { era: "short", year: "numeric" },
  { dayPeriod: "long", hour: "numeric" },
  { minute: "numeric", second: "numeric", fractionalSecondDigits: 3 },
  { timeZone: "America/New_York", timeZoneName: "longGeneric" },
  { calendar: "chinese", year: "numeric", month: "long", day: "numeric" },
] as const;
const NUMBERS = [
  {},
  { style: "currency", currency: "JPY", currencyDisplay: "name", currencySign: "accounting" },
  { notation: "compact" },
  { notation: "engineering", signDisplay: "always" },
  { style: "unit", unit: "kilometer-per-hour", unitDisplay: "long" },
  { maximumSignificantDigits: 3 },
  { useGrouping: false },
  { minimumFractionDigits: 2, maximumFractionDigits: 2, roundingIncrement: 5 },
  { maximumSignificantDigits: 3, maximumFractionDigits: 1, roundingPriority: "lessPrecision" },
] as const;

for (const locale of ["en", "de-AT", "ja", "ar-EG", "zh-TW", "en-u-ca-buddhist-nu-thai-hc-h23"]) {
  test(`objects of Intl for ${locale} arrive as ones that format equally, or are refused`, () => {
    const made = [
      ...DATES.map((options) => new Intl.DateTimeFormat(locale, options as object)),
      ...NUMBERS.map((options) => new Intl.NumberFormat(locale, options as object)),
    ];
    let refused = 0;
    for (const formatter of made) {
      let back: Intl.DateTimeFormat | Intl.NumberFormat;
      try {
        back = throughPlatform(formatter) as typeof back;
      } catch (error) {
        assert.match(String(error), /options cannot all be told from it; send the locale and the options/);
        refused += 1;
        continue;
      }
      assert.deepEqual(back.resolvedOptions(), formatter.resolvedOptions());
      for (const sample of [0, 981_173_106_789, 1_784_000_000_000, -12_345.678])
        assert.equal(back.format(sample), formatter.format(sample));
    }
    assert.ok(refused <= 1, `${refused} of ${made.length} were refused`);
  });
}

test("headers of any content arrive with their entries in order", () => {
  const name = fc.stringMatching(/^[A-Za-z!#$%&'*+.^_`|~0-9-]{1,20}$/);
  const value = fc.stringMatching(/^[\x20-\x7e\x80-\xff]{0,30}$/);
  fc.assert(
    fc.property(fc.array(fc.tuple(name, value), { maxLength: 12 }), (entries) => {
      const headers = new Headers(entries);

      const back = throughPlatform(headers) as Headers;

      assert.deepEqual([...back], [...headers]);
      assert.deepEqual(back.getSetCookie(), headers.getSetCookie());
    }),
    { numRuns: 200 },
  );
});

test("forms of any texts arrive with their entries in order", () => {
  const text = fc.string({ unit: "grapheme", maxLength: 20 });
  fc.assert(
    fc.property(fc.array(fc.tuple(text, text), { maxLength: 12 }), (entries) => {
      const form = new FormData();
      for (const [name, value] of entries) form.append(name, value);

      assert.deepEqual([...(throughPlatform(form) as FormData)], [...form]);
    }),
    { numRuns: 200 },
  );
});

test("one object of the platform arrives as one, and headers as those of their response", () => {
  const headers = new Headers({ a: "b" });
  const response = new Response("text", { headers });
  const formatter = new Intl.ListFormat("en");

  const back = throughPlatform([headers, headers, response, response.headers, formatter, formatter]);

  const [one, same, answer, own, list, equal] = back as [Headers, Headers, Response, Headers, object, object];
  assert.equal(one, same);
  assert.equal(answer.headers, own);
  assert.notEqual(one, own);
  assert.equal(list, equal);
});

test("a response has what only fetch gives one, again and again", () => {
  const response = Object.defineProperties(new Response("text"), {
    url: { value: "http://a/" },
    redirected: { value: true },
    type: { value: "basic" },
  });

  const back = throughPlatform(throughPlatform(response)) as Response;

  assert.deepEqual(
    [back.url, back.redirected, back.type, Object.keys(back)],
    ["http://a/", true, "basic", []],
  );
});

test("a body that was read, or that nobody could read, is refused with what to do", async () => {
  const read = new Response("text");
  await read.text();
  const locked = new Request("http://a/", { method: "POST", body: "text" });
  locked.body?.getReader();

  assert.match(
    refusalOf(read, { flows }).message,
    /has been read.*send it before that, or response\.clone\(\)/,
  );
  assert.match(refusalOf(locked, { flows }).message, /send it before that, or request\.clone\(\)/);
  assert.match(
    refusalOf(new Response("x"), {}).message,
    /its body is a stream.*send what it holds: await response/,
  );
});

test("a blob is refused with what to do where nobody reads it before it is sent, and so is one too large", () => {
  assert.match(refusalOf(new Blob(["x"]), {}).message, /send await blob\.arrayBuffer\(\) and its type/);
  const large = Object.create(new Blob(["x"]), { size: { value: 2 ** 31 } }) as Blob;
  Object.setPrototypeOf(large, Blob.prototype);
  assert.match(refusalOf(large, { blobs: true }).message, /send blob\.stream\(\)/);
});

test("fields of one's own on an object of the platform are refused", () => {
  const headers = Object.assign(new Headers(), { note: 1 });

  assert.match(refusalOf(headers, {}).message, /'note', which would be lost/);
});

test("for peers that do not know them, objects of the platform are refused as ever", () => {
  for (const value of [new Headers(), new FormData(), new Response(), new Intl.Locale("de"), new Blob([])])
    assert.throws(() => send(value), { code: "ERR_MERINO_NOT_SERIALIZABLE", path: "value" });
});

test("a payload says where the first object of the platform is", () => {
  const { platform } = encodeValue([1, { a: new Headers() }, new FormData()], {
    root: "args",
    references,
    platform: true,
  });

  assert.equal(platform?.path, "args[1].a");
  assert.match(platform?.why() ?? "", /Headers.*send \[\.\.\.headers\]/);
  assert.deepEqual(roundTrip(1), 1);
});
