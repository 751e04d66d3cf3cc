/** Payloads with objects of the platform that nobody has written who means well. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { auditPayload } from "../../../../src/codec/budget/payload-audit.ts";
import { Extension } from "../../../../src/codec/format.ts";
import { PayloadError } from "../../../../src/errors/payload-error.ts";
import { arrayHead, extension, textToken, uint } from "../../../fuzz/targets/value-tokens.ts";
import { receive } from "../support.ts";

const HEADERS = extension(Extension.HEADERS, Buffer.alloc(0));
const NIL: Buffer = Buffer.of(0xc0);
const join = (...parts: readonly (Buffer | string)[]): Buffer =>
  Buffer.concat(parts.map((part) => (typeof part === "string" ? textToken(part) : part)));
const status = (value: number): Buffer => Buffer.concat([Buffer.of(0xcd), uint(value, 2)]);
const responseOf = (value: number, body: Buffer = NIL): Buffer =>
  join(status(value), "", HEADERS, body, "", "default", Buffer.of(0xc2));

const HOSTILE: Readonly<Record<string, readonly [type: number, body: Buffer]>> = {
  "a header's name with a line break": [Extension.HEADERS, join("a\r\nb", "c")],
  "a header's value with a line break": [Extension.HEADERS, join("a", "b\r\nc: d")],
  "a header without a value": [Extension.HEADERS, join("a")],
  "a form with a number": [Extension.FORM_DATA, join("a", Buffer.of(1))],
  "a form with a blob that is no file": [
    Extension.FORM_DATA,
    join("a", extension(Extension.BLOB, join(Buffer.of(0xc4, 0), ""))),
  ],
  "a blob of a number": [Extension.BLOB, join(Buffer.of(1), "")],
  "a blob whose part has not come": [Extension.BLOB, join(extension(Extension.PART, Buffer.of(0)), "a")],
  "a status of 99": [Extension.RESPONSE, responseOf(99)],
  "a status without a body, with one": [
    Extension.RESPONSE,
    responseOf(204, extension(Extension.FLOW, Buffer.of(1, 0))),
  ],
  "a body that is no stream": [Extension.RESPONSE, responseOf(200, Buffer.of(1))],
  "a request of no URL": [Extension.REQUEST, join("GET", "no url", HEADERS, NIL, NIL)],
  "a request of a URL with a password": [Extension.REQUEST, join("GET", "http://u:p@a/", HEADERS, NIL, NIL)],
  "a request of a forbidden method": [Extension.REQUEST, join("CONNECT", "http://a/", HEADERS, NIL, NIL)],
  "a request without headers": [Extension.REQUEST, join("GET", "http://a/", NIL, NIL, NIL)],
  "a request with an option of another type": [
    Extension.REQUEST,
    join("GET", "http://a/", HEADERS, NIL, NIL, "keepalive", "yes"),
  ],
  "a request with an option that is none": [
    Extension.REQUEST,
    join("GET", "http://a/", HEADERS, NIL, NIL, "dispatcher", "x"),
  ],
  "a locale that is none": [Extension.INTL, join(Buffer.of(6), "not a locale")],
  "a locale of which there is no data": [Extension.INTL, join(Buffer.of(6), "xx")],
  "a class of Intl that is unknown": [Extension.INTL, join(Buffer.of(99), "de")],
  "an option of Intl that is an object": [Extension.INTL, join(Buffer.of(6), "de", "style", Buffer.of(0x80))],
  "a currency that is none": [Extension.INTL, join(Buffer.of(6), "de", "style", "currency", "currency", "x")],
  "a huge list of options": [
    Extension.INTL,
    join(Buffer.of(6), "de", ...Array.from({ length: 130 }, (_, index) => `o${index}`)),
  ],
  "a class of Temporal that is unknown": [Extension.TEMPORAL, join(Buffer.of(99), "x")],
  "a date of Temporal that is none": [Extension.TEMPORAL, join(Buffer.of(2), "no date")],
  "a time of Temporal that is no bigint": [Extension.TEMPORAL, join(Buffer.of(1), "x", "UTC", "iso8601")],
};

for (const [name, [type, body]] of Object.entries(HOSTILE)) {
  test(`decodeValue refuses ${name}`, () => {
    const bytes = Buffer.concat([Buffer.of(0x08), extension(type, body)]);

    assert.throws(() => receive({ bytes, parts: [] }), PayloadError);
  });
}

test("an object of Temporal is refused by its name where there is no Temporal", {
  skip: "Temporal" in globalThis,
}, () => {
  const bytes = Buffer.concat([
    Buffer.of(0x08),
    extension(Extension.TEMPORAL, join(Buffer.of(2), "2026-11-30")),
  ]);

  assert.throws(
    () => receive({ bytes, parts: [] }),
    /Temporal\.PlainDate, and this version of Node has no Temporal/,
  );
});

test("options of Intl with names of the language's own do nothing", () => {
  const body = join(Buffer.of(6), "de", "__proto__", "x", "constructor", "y");
  const bytes = Buffer.concat([Buffer.of(0x08), extension(Extension.INTL, body)]);

  const formatter = receive({ bytes, parts: [] }) as Intl.NumberFormat;

  assert.equal(formatter.format(1.5), "1,5");
});

test("auditPayload refuses more dear objects of the platform than a payload pays for, however short it is", () => {
  const items = {
    formatters: extension(Extension.INTL, join(Buffer.of(6), "de")),
    dates: extension(Extension.INTL, join(Buffer.of(1), "de")),
    blobs: extension(Extension.BLOB, join(Buffer.of(0xc4, 0), "")),
    requests: extension(Extension.REQUEST, join("GET", "a:", HEADERS, NIL, NIL)),
  };
  const most = { formatters: 65, dates: 5, blobs: 115, requests: 30 };
  for (const [name, item] of Object.entries(items)) {
    const count = most[name as keyof typeof most];
    const payloadOf = (items: number): { bytes: Buffer; start: number; end: number } => {
      const list = Array.from({ length: items }, () => item);
      const bytes = Buffer.concat([Buffer.of(0x08), arrayHead(items), ...list]);
      return { bytes, start: 0, end: bytes.length };
    };

    assert.equal(auditPayload(payloadOf(count), "sender"), undefined, name);
    const excess = auditPayload(payloadOf(count + Math.ceil(count / 5) + 8), "sender");
    assert.ok(excess !== undefined, name);
    assert.ok(payloadOf(count).bytes.length < 2048, name);
  }
});
