import assert from "node:assert/strict";
import { test } from "node:test";
import { InboundDefinitions, OutboundDefinitions } from "../../../src/session/definitions.ts";
import { DEFAULT_LIMITS } from "../../../src/session/limits.ts";
import { BatchReader } from "../../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../../src/wire/batch/writer.ts";
import type { Define } from "../../../src/wire/frames.ts";
import { DefineKind } from "../../../src/wire/messages/define-kind.ts";

function withRoomFor(maxDefines: number): {
  readonly definitions: OutboundDefinitions;
  written(): Define[];
} {
  const writer = new BatchWriter();
  const definitions = new OutboundDefinitions(writer);
  definitions.keepTo({ ...DEFAULT_LIMITS, maxDefines });
  return {
    definitions,
    written() {
      const bytes = writer.take().subarray(BatchWriter.HEADROOM);
      const reader = new BatchReader();
      const defines: Define[] = [];
      reader.reset(bytes, 0, bytes.length);
      while (reader.next()) defines.push(reader.define());
      return defines;
    },
  };
}

const described = (text: string) => () => ({ value: new TextEncoder().encode(text), location: `at ${text}` });

test("OutboundDefinitions writes a definition on its first use only, and gives every key a number of its own", () => {
  const { definitions, written } = withRoomFor(10);
  const [a, b] = [{}, {}];

  const refs = [
    definitions.routineRef(a, described("a")),
    definitions.routineRef(b, described("b")),
    definitions.routineRef(a, () => assert.fail("it was described before")),
    definitions.proxyRef(a, described("proxy")),
  ];

  assert.deepEqual(refs, [1, 2, 1, 3]);
  assert.deepEqual(
    written().map(({ kind, index, value, location }) => [
      kind,
      index,
      new TextDecoder().decode(value),
      location,
    ]),
    [
      [DefineKind.Routine, 1, "a", "at a"],
      [DefineKind.Routine, 2, "b", "at b"],
      [DefineKind.Proxy, 3, "proxy", "at proxy"],
    ],
  );
});

test("OutboundDefinitions gives 0 once the peer's table is full, and still knows what it has defined", () => {
  const { definitions, written } = withRoomFor(1);
  const known = {};
  const ref = definitions.routineRef(known, described("known"));

  const refused = definitions.routineRef({}, () => assert.fail("there is no room for it"));

  assert.deepEqual([ref, refused, definitions.routineRef(known, described("known"))], [1, 0, 1]);
  assert.equal(written().length, 1);
});

test("OutboundDefinitions defines nothing before the peer has said how many it takes", () => {
  const definitions = new OutboundDefinitions(new BatchWriter());

  assert.equal(
    definitions.proxyRef({}, () => assert.fail("nobody takes it")),
    0,
  );
});

const PROTOCOL = { code: "ERR_MERINO_PROTOCOL" };
const MIB = 1024 * 1024;

function define(index: number, fields: Partial<Define> = {}): Define {
  return { kind: DefineKind.Routine, index, value: Uint8Array.of(index & 0xff), location: "", ...fields };
}

test("InboundDefinitions finds what was defined under its kind and index, and nothing else", () => {
  const definitions = new InboundDefinitions(10);
  const routine = define(3);
  const proxy = define(3, { kind: DefineKind.Proxy });
  definitions.add(routine);
  definitions.add(proxy);

  assert.equal(definitions.get(DefineKind.Routine, 3), routine);
  assert.equal(definitions.get(DefineKind.Proxy, 3), proxy);
  assert.equal(definitions.get(DefineKind.Routine, 4), undefined);
});

test("InboundDefinitions refuses an index that is out of bounds or in use, and a kind that no frame has", () => {
  const definitions = new InboundDefinitions(2);
  const first = define(1);
  definitions.add(first);
  definitions.add(define(2));

  for (const bad of [define(0), define(3), define(1), define(2, { kind: 256 })]) {
    assert.throws(() => definitions.add(bad), PROTOCOL);
  }
  assert.equal(definitions.get(DefineKind.Routine, 1), first);
});

test("InboundDefinitions takes a full table of usual identities, and no more memory than for that", () => {
  const full = new InboundDefinitions(65_536);
  const identity = new Uint8Array(200);
  for (let index = 1; index <= 65_536; index++)
    full.add(define(index, { value: identity, location: "x".repeat(200) }));
  const large = new InboundDefinitions(65_536);
  const value = new Uint8Array(4 * MIB);

  for (let index = 1; index <= 15; index++) large.add(define(index, { value }));

  assert.throws(() => large.add(define(16, { value })), PROTOCOL);
  const small = new InboundDefinitions(1_000_000);
  assert.throws(() => {
    for (let index = 1; index <= 200_000; index++) small.add(define(index, { value: new Uint8Array(0) }));
  }, PROTOCOL);
});

test("InboundDefinitions keeps nothing of a kind that no task refers to", () => {
  const definitions = new InboundDefinitions(10);

  for (let count = 0; count < 3; count++) definitions.add(define(1, { kind: DefineKind.Variable }));
  definitions.add(define(1, { kind: 200 }));

  assert.equal(definitions.get(DefineKind.Variable, 1), undefined);
  assert.equal(definitions.get(200, 1), undefined);
});
