/** Objects keep their numbers, however many there are. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NumberedObjects } from "../../../../src/codec/decode/numbered-objects.ts";
import { roundTrip } from "../support.ts";

test("NumberedObjects numbers what is put in from 0, and gives each back by its number", () => {
  const objects = new NumberedObjects();
  const values = Array.from({ length: 5_000 }, (_, index) => ({ index }));

  assert.deepEqual(
    values.map((value) => objects.push(value)),
    values.map((_, index) => index),
  );
  objects.set(0, "first");
  objects.set(1024, "later");

  assert.equal(objects.count, 5_000);
  assert.equal(objects.get(0), "first");
  assert.equal(objects.get(1023), values[1023]);
  assert.equal(objects.get(1024), "later");
  assert.equal(objects.get(4999), values[4999]);
});

test("references to any of thousands of objects arrive as the same objects", () => {
  const nodes = Array.from({ length: 5_000 }, (_, index) => ({ index, next: undefined as unknown }));
  for (const node of nodes) node.next = nodes[(node.index * 7 + 1) % nodes.length];

  const arrived = roundTrip(nodes) as typeof nodes;

  for (const node of arrived) assert.equal(node.next, arrived[(node.index * 7 + 1) % arrived.length]);
});
