/** A table of streams by their numbers. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { StreamTable } from "../../../src/session/stream-table.ts";

const NUMBERS = [1, 2, 3, 32_768, 2 ** 31 - 1, 2 ** 31, 2 ** 32 - 1];

test("StreamTable keeps numbers of 32 bits apart, in the order in which they came", () => {
  const table = new StreamTable<string>();
  for (const number of NUMBERS) table.set(number, `stream ${number}`);

  assert.equal(table.size, NUMBERS.length);
  assert.deepEqual(
    table.values(),
    NUMBERS.map((number) => `stream ${number}`),
  );
  for (const number of NUMBERS) assert.equal(table.get(number), `stream ${number}`);
  assert.equal(table.get(4), undefined);
});

test("StreamTable forgets what is deleted, and everything when it is cleared", () => {
  const table = new StreamTable<number>();
  for (const number of NUMBERS) table.set(number, number);

  table.delete(2 ** 32 - 1);
  assert.equal(table.has(2 ** 32 - 1), false);
  assert.equal(table.has(2 ** 31), true);
  assert.equal(table.size, NUMBERS.length - 1);

  table.clear();
  assert.equal(table.size, 0);
  assert.equal(table.has(1), false);
});

test("StreamTable is right whatever comes and goes, and as small as what is in it", () => {
  const table = new StreamTable<object>();
  const expected = new Map<number, object>();
  let state = 1;
  const random = (below: number): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 8) % below;
  };

  for (let step = 0; step < 20_000; step++) {
    // Waves, so that it grows and becomes smaller.
    const number = (random(step % 4_000 < 2_000 ? 5_000 : 50) * 0x9e3779b1) >>> 0;
    if (random(2) === 0 || step % 4_000 < 500) {
      const value = {};
      table.set(number, value);
      expected.set(number, value);
    } else {
      table.delete(number);
      expected.delete(number);
    }
    assert.equal(table.size, expected.size);
    assert.equal(table.get(number), expected.get(number));
  }

  const sorted = [...expected].sort(([one], [other]) => one - other);
  assert.deepEqual(
    table.entries().map(([number]) => number),
    sorted.map(([number]) => number),
  );
  assert.ok(table.values().every((value, at) => value === sorted[at]?.[1]));
});
