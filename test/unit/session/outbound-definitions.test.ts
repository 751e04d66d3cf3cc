import assert from "node:assert/strict";
import { test } from "node:test";
import { DEFAULT_LIMITS } from "../../../src/session/limits.ts";
import { OutboundDefinitions } from "../../../src/session/outbound-definitions.ts";
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
