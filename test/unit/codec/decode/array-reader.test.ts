/** Arrays get their memory at once or as they grow; what is in them, holes included, is the same. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { receive, roundTrip } from "../support.ts";

const LENGTHS = [0, 1, 2, 3, 16, 33, 1_023, 1_024, 1_025, 4_096, 4_097, 9_000];
const KINDS: Readonly<Record<string, (index: number) => unknown>> = {
  numbers: (index) => index,
  fractions: (index) => index / 7,
  texts: (index) => `text ${index}`,
  "numbers, and a text at the end of each thousand": (index) => (index % 1_000 === 999 ? "text" : index / 2),
};

for (const [name, make] of Object.entries(KINDS)) {
  test(`arrays of ${name} arrive as they were, whatever their length`, () => {
    for (const length of LENGTHS) {
      const array = Array.from({ length }, (_, index) => make(index));

      assert.deepEqual(roundTrip(array), array);
      assert.deepEqual(roundTrip([array, array]), [array, array]);
    }
  });
}

test("arrays with holes arrive with the same holes, wherever they are", () => {
  for (const length of [1, 2, 3, 50, 1_500, 6_000]) {
    for (const [from, to] of [
      [0, 1],
      [0, length],
      [length - 1, length],
      [length >> 1, (length >> 1) + 1],
      [Math.max(0, length - 200), length - 1],
      [1, 40],
    ] as const) {
      const array: unknown[] = Array.from({ length }, (_, index) => index);
      for (let index = from; index < Math.min(to, length); index++) delete array[index];

      const arrived = roundTrip(array) as unknown[];

      assert.equal(arrived.length, length);
      assert.deepEqual(Object.keys(arrived), Object.keys(array));
      assert.deepEqual(arrived, array);
    }
  }
});

test("arrays of the greatest lengths arrive with their holes and nothing else", () => {
  for (const length of [2 ** 32 - 2, 2 ** 32 - 1]) {
    for (const elements of [[], [5], [length - 1], [length - 2]]) {
      const array: unknown[] = [];
      array.length = length;
      for (const index of elements) array[index] = "here";

      const arrived = roundTrip(array) as unknown[];

      assert.equal(arrived.length, length);
      assert.deepEqual(Object.keys(arrived), elements.map(String));
    }
  }
});

test("a long array can hold itself", () => {
  const array: unknown[] = Array.from({ length: 3_000 }, (_, index) => index);
  array[2_999] = array;

  const arrived = roundTrip(array) as unknown[];

  assert.equal(arrived.length, 3_000);
  assert.equal(arrived[2_999], arrived);
});

test("an array that claims more elements than there are is refused, and takes no memory for them", () => {
  const nested = Buffer.concat(Array.from({ length: 900 }, () => Buffer.of(0xdd, 0x10, 0, 0, 0)));

  assert.throws(() => receive({ bytes: Buffer.concat([Buffer.of(0x08), nested]), parts: [] }), {
    code: "ERR_MERINO_BAD_PAYLOAD",
  });
});
