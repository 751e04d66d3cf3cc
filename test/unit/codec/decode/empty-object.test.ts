/** Objects of any number of fields are plain ones, and take no more memory than their fields. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { emptyObject, roomFor } from "../../../../src/codec/decode/empty-object.ts";
import { receive, roundTrip } from "../support.ts";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

const COUNTS = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 13, 20, 21, 31, 32, 40];
const keysOf = (count: number): string[] => Array.from({ length: count }, (_, index) => `key ${index}`);

for (const count of COUNTS) {
  test(`emptyObject for ${count} fields makes a plain object without any`, () => {
    const object = emptyObject(count);

    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.equal(object.constructor, Object);
    assert.deepEqual(Reflect.ownKeys(object), []);
    assert.ok(Object.isExtensible(object));
  });

  test(`an object of ${count} fields arrives as it was, and takes more of them`, () => {
    const sent = Object.fromEntries(keysOf(count).map((key, index) => [key, index]));

    const arrived = roundTrip(sent) as Record<string, unknown>;

    assert.deepEqual(arrived, sent);
    for (const key of keysOf(count + 40)) arrived[`more ${key}`] = 1;
    assert.equal(Object.keys(arrived).length, count + count + 40);
  });
}

test("roomFor gives no object less room than it has fields, up to 31", () => {
  for (let count = 0; count <= 31; count++) assert.ok(roomFor(count) >= count);
});

/** In a function of its own, so that no place on the stack keeps the values. */
function arriveOnce(bytes: Buffer): void {
  assert.ok(Array.isArray(receive({ bytes, parts: [] })));
}

/** Bytes that an object with so many fields takes up once it has arrived, its place in an array included. */
function bytesPerObject(count: number): number {
  const objects = 30_000;
  const keys = keysOf(count);
  const row = Buffer.concat([
    count < 16 ? Buffer.of(0x80 | count) : Buffer.of(0xde, 0, count),
    ...keys.map((key) => Buffer.concat([Buffer.of(0xa0 | key.length), Buffer.from(key), Buffer.of(1)])),
  ]);
  const bytes = Buffer.concat([
    Buffer.of(0x08, 0xdc, objects >> 8, objects & 0xff),
    ...Array.from({ length: objects }, () => row),
  ]);
  arriveOnce(bytes);
  collect();
  const before = process.memoryUsage().heapUsed;
  const arrived = receive({ bytes, parts: [] }) as readonly object[];
  collect();
  const taken = process.memoryUsage().heapUsed - before;
  assert.equal(arrived.length, objects);
  return taken / objects;
}

for (const [count, most] of [
  [1, 48],
  [2, 56],
  [6, 88],
  [31, 300],
] as const) {
  test(`an object of ${count} fields takes up no more than ${most} bytes`, () => {
    // What else the process does in the meantime takes up memory as well, or gives some back: the middle one of three.
    const figures = Array.from({ length: 3 }, () => bytesPerObject(count)).sort((one, other) => one - other);
    const bytes = figures[1] ?? 0;

    assert.ok(bytes >= 16 + 8 * count && bytes <= most, `${figures.join(", ")} bytes`);
  });
}
