/** The text entries of announcements. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { decodeLanText, encodeLanText, MAX_TEXT_BYTES } from "../../../../src/discovery/lan/text.ts";
import { parseWorkerMetadata } from "../../../../src/wire/parse-worker-metadata.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const WHERE = { namespace: "thumbs", revision: 7 };
const text = fc.string({ unit: "grapheme", minLength: 1, maxLength: 60 });
const limit = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
const records = fc.record(
  {
    pid: fc.nat(),
    version: text,
    tags: fc.array(text, { maxLength: 12 }),
    extra: fc.dictionary(text, fc.string({ unit: "binary", maxLength: 300 }), { maxKeys: 5 }),
    secure: fc.boolean(),
    options: fc.record({ maxMessageSize: limit, keepaliveTime: limit }, { requiredKeys: [] }),
    identity: fc.stringMatching(/^[!-~]{1,300}$/),
    runtime: text,
    build: text,
    resources: fc.dictionary(fc.stringMatching(/^[a-z]{1,9}$/), fc.integer({ min: 1, max: 99 }), {
      minKeys: 1,
      maxKeys: 3,
    }),
    codecs: fc.array(text, { maxLength: 3 }),
  },
  { requiredKeys: ["pid", "version", "tags", "extra", "secure", "options", "codecs"] },
);

function decoded(entries: readonly Buffer[]) {
  const { fields } = decodeLanText(entries) ?? {};
  return parseWorkerMetadata({ ...fields, uid: "w", address: "10.0.0.1:1" }, { unix: false });
}

function entriesOf(...lines: readonly string[]): readonly Buffer[] {
  return lines.map((line) => Buffer.from(line));
}

test("decodeLanText reads what encodeLanText writes, whatever is in it", () => {
  fc.assert(
    fc.property(records, (fields) => {
      const { identity, runtime, build, resources, ...rest } = fields;
      const optional = {
        ...(identity === undefined ? {} : { identity }),
        ...(runtime === undefined ? {} : { runtime }),
        ...(build === undefined ? {} : { build }),
        ...(resources === undefined ? {} : { resources }),
      };
      const original = { ...rest, ...optional, uid: "w", address: "10.0.0.1:1" };
      const worker = parseWorkerMetadata(original, { unix: false });
      fc.pre(worker !== undefined);

      const entries = encodeLanText(worker, WHERE);

      assert.ok(entries.every(({ length }) => length > 0 && length <= 255));
      const { namespace, revision } = decodeLanText(entries) ?? {};
      assert.deepEqual({ namespace, revision }, WHERE);
      assert.deepEqual(decoded(entries), worker);
    }),
  );
});

test("encodeLanText cuts long values into pieces and loses nothing of them", () => {
  const extra = { notes: "é".repeat(1_500), more: "x".repeat(600) };

  const entries = encodeLanText(workerMetadata({ extra }), WHERE);

  const keys = entries.map((entry) => entry.toString("latin1").split("=")[0]);
  assert.ok(keys.includes("extra.0") && keys.includes("extra.1"));
  assert.equal(keys.includes("extra"), false);
  assert.deepEqual(decoded(entries)?.extra, extra);
});

test("encodeLanText refuses what does not fit in a packet", () => {
  const worker = workerMetadata({ uid: "w", extra: { a: "x".repeat(4_096), b: "x".repeat(4_096) } });

  assert.throws(() => encodeLanText(worker, WHERE), {
    code: "ERR_MERINO_INVALID_OPTION",
    option: "event.worker",
  });
  assert.ok(MAX_TEXT_BYTES < 8_192);
});

test("encodeLanText names our codec for a record that names none", () => {
  const { codecs: _, ...silent } = workerMetadata();

  assert.deepEqual(decoded(encodeLanText(silent, WHERE))?.codecs, ["merino-1"]);
});

test("decodeLanText reads the text of other implementations, which name no codecs", () => {
  const worker = decoded(entriesOf("pid=7", "version=0.9.1", "tags", 'extra={"a":"b"}', "secure=true"));

  assert.deepEqual(worker, {
    uid: "w",
    address: "10.0.0.1:1",
    pid: 7,
    version: "0.9.1",
    tags: [],
    extra: { a: "b" },
    secure: true,
    options: {},
    codecs: [],
  });
});

test("decodeLanText takes keys of any case, the first of equal ones, and ignores strangers", () => {
  const worker = decoded(entriesOf("=x", "", "PID=1", "pid=2", "Version=1.0", "colour=red"));

  assert.equal(worker?.pid, 1);
  assert.equal(worker?.version, "1.0");
});

for (const lines of [
  [],
  ["version=1"],
  ["pid=1"],
  ["pid=-1", "version=1"],
  ["pid=1e3", "version=1"],
  ["pid=1", "version=1", "tags={}"],
  ["pid=1", "version=1", 'tags=["a"'],
  ["pid=1", "version=1", "extra=[]"],
  ["pid=1", "version=1", 'extra={"a":1}'],
  ["pid=1", "version=1", "secure=perhaps"],
  ["pid=1", "version=1", 'options={"maxMessageSize":0}'],
  ["pid=1", "version=1", "codecs=merino-1"],
  ["pid=1", "version=1", 'extra.0={"a":', 'extra.2="b"}'],
]) {
  test(`decodeLanText and the check of records refuse [${lines.join(", ")}]`, () => {
    assert.equal(decoded(entriesOf(...lines)), undefined);
  });
}

test("decodeLanText never throws, whatever the bytes", () => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 255 }), { maxLength: 20 }), (entries) => {
      decodeLanText(entries);
    }),
  );
});
