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
