/** The ContextChanges message: what is written is what the bindings read, and limits hold. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { ContextChangesSchema } from "../../../../src/wire/gen/wire_pb.ts";
import {
  type ContextChange,
  decodeContextChanges,
  encodeContextChange,
  encodeContextChanges,
  MAX_BRANCH_IDS,
  MAX_CONTEXT_BYTES,
  MAX_CONTEXT_CHANGES,
  MAX_SPENT_TOKENS,
} from "../../../../src/wire/messages/context-changes.ts";

const CHANGES: readonly ContextChange[] = [
  { name: "a#x", value: Uint8Array.of(1, 2), tainted: false },
  { name: "a#unset", value: undefined, tainted: false },
  { name: "a#empty", value: new Uint8Array(0), tainted: true },
];

function encoded(changes: readonly ContextChange[], extras = {}): Uint8Array {
  const none = { stores: [], branch: [], spentTokens: [] };
  return encodeContextChanges({ changes: changes.map(encodeContextChange), ...none, ...extras });
}

function some(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `id:${index}`);
}

test("ContextChanges come back as they were, a variable without a value included", () => {
  const extras = { stores: [encodeContextChange({ name: "s", value: Uint8Array.of(9), tainted: false })] };
  const bytes = encoded(CHANGES, { ...extras, branch: ["b:1"], spentTokens: ["t:1", "t:2"] });

  const read = decodeContextChanges(Uint8Array.from(bytes));

  assert.deepEqual(read, {
    changes: CHANGES,
    stores: [{ name: "s", value: Uint8Array.of(9), tainted: false }],
    branch: ["b:1"],
    spentTokens: ["t:1", "t:2"],
  });
});

test("ContextChanges are what the bindings read and write", () => {
  const bytes = Uint8Array.from(encoded(CHANGES, { branch: ["b:1"], spentTokens: ["t:1"] }));

  const bound = fromBinary(ContextChangesSchema, bytes);
  const again = toBinary(ContextChangesSchema, create(ContextChangesSchema, bound));

  assert.deepEqual(
    bound.changes.map(({ name, value, tainted }) => ({ name, value, tainted })),
    CHANGES,
  );
  assert.deepEqual(Uint8Array.from(again), bytes);
});

test("encodeContextChanges leaves out the ids beyond its limits, and of used tokens the oldest", () => {
  const read = decodeContextChanges(encoded([], { branch: some(20), spentTokens: some(100) }));

  assert.deepEqual(read.branch, some(20).slice(0, MAX_BRANCH_IDS));
  assert.deepEqual(read.spentTokens, some(100).slice(-MAX_SPENT_TOKENS));
});

for (const [what, bytes] of [
  [
    "more variables than travel",
    encoded(
      Array.from(
        { length: MAX_CONTEXT_CHANGES + 1 },
        (_, index) => ({ ...CHANGES[1], name: `${index}` }) as ContextChange,
      ),
    ),
  ],
  [
    "more bytes than travel",
    encoded([{ name: "a", value: new Uint8Array(MAX_CONTEXT_BYTES), tainted: false }]),
  ],
  [
    "more ids of a branch than it may have",
    toBinary(ContextChangesSchema, create(ContextChangesSchema, { branch: some(MAX_BRANCH_IDS + 1) })),
  ],
  [
    "more used tokens than it may name",
    toBinary(ContextChangesSchema, create(ContextChangesSchema, { spentTokens: some(MAX_SPENT_TOKENS + 1) })),
  ],
  ["a variable that is cut off", encoded(CHANGES).subarray(0, 5)],
  ["a value that is there twice", Uint8Array.of(0x0a, 0x04, 0x12, 0x00, 0x12, 0x00)],
  ["a name that is not text", Uint8Array.of(0x0a, 0x03, 0x0a, 0x01, 0xff)],
] as const) {
  test(`decodeContextChanges refuses ${what}`, () => {
    assert.throws(() => decodeContextChanges(bytes), { code: "ERR_MERINO_PROTOCOL" });
  });
}
