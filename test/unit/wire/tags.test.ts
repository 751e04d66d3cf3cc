/** The tags against the schema: a number or a type that is wrong here would only show in the other half of a pair. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import * as bindings from "../../../src/wire/gen/wire_pb.ts";
import { EntryTag } from "../../../src/wire/protobuf/entry-tag.ts";
import * as tables from "../../../src/wire/tags.ts";

const UNPACKED = "Unpacked";

test("every tag is the one that the schema gives to the field of its name", () => {
  let checked = 0;
  for (const [name, tags] of Object.entries(tables)) {
    const message = messageOf(name.slice(0, -"Tag".length));
    for (const [key, tag] of Object.entries<number>(tags)) {
      assert.equal(tag, tagOf(message, key), `${name}.${key}`);
      checked += 1;
    }
  }
  assert.ok(checked > 100, `only ${checked} tags`);
});

test("an entry of a map has its key in field 1 and its value in field 2", () => {
  assert.deepEqual(EntryTag, { Key: (1 << 3) | 2, Value: (2 << 3) | 2 });
});

test("a Pong's one field is a Ping's", () => {
  assert.equal(tables.PingTag.Token, tagOf(bindings.PongSchema, "Token"));
});

function messageOf(name: string): DescMessage {
  const schema = Object.values(bindings).find(
    (binding): binding is (typeof bindings)["TaskSchema"] =>
      typeof binding === "object" && "kind" in binding && binding.kind === "message" && binding.name === name,
  );
  assert.ok(schema !== undefined, `the schema has no message '${name}'`);
  return schema;
}

function tagOf(message: DescMessage, key: string): number {
  const unpacked = key.endsWith(UNPACKED);
  const name = unpacked ? key.slice(0, -UNPACKED.length) : key;
  const field = message.fields.find(({ localName }) => localName.toLowerCase() === name.toLowerCase());
  assert.ok(field !== undefined, `the schema has no field '${name}' in ${message.name}`);
  return (field.number << 3) | wireType(field, unpacked);
}

function wireType(field: DescField, unpacked: boolean): number {
  if (field.fieldKind === "enum") return 0;
  if (field.fieldKind === "list" && !unpacked) return 2;
  if (field.scalar === undefined) return 2; // a message, or a map
  switch (field.scalar) {
    case ScalarType.DOUBLE:
      return 1;
    case ScalarType.FLOAT:
      return 5;
    case ScalarType.STRING:
    case ScalarType.BYTES:
      return 2;
    default:
      return 0;
  }
}
