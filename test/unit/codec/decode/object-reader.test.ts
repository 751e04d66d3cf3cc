/** Objects are plain ones, whichever way the reader makes them: with a hidden class, or as a hash table. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { mapHead, textToken } from "../../../fuzz/targets/value-tokens.ts";
import { receive, roundTrip } from "../support.ts";

type Field = readonly [key: string, value: number];

/** Of the payload with these fields, in this order. */
function received(fields: readonly Field[], before: readonly Buffer[] = []): Record<string, unknown> {
  const object = Buffer.concat([
    mapHead(fields.length),
    ...fields.map(([key, value]) => Buffer.concat([textToken(key), Buffer.of(value)])),
  ]);
  const values = [...before, object];
  const bytes = Buffer.concat([Buffer.of(0x08, 0xdc, values.length >> 8, values.length & 0xff), ...values]);
  const result = receive({ bytes, parts: [] }) as Record<string, unknown>[];
  return result[result.length - 1] as Record<string, unknown>;
}

const range = (count: number, key: (index: number) => string): Field[] =>
  Array.from({ length: count }, (_, index) => [key(index), index % 100]);

const KEYS = [
  "b",
  "__proto__",
  "a",
  "10",
  "toString",
  "2",
  "é",
  "constructor",
  "b",
  "4294967294",
  "4294967295",
  "-1",
];

/** So many objects that each have a key of their own make those after them hash tables. */
const strangers = (): Buffer[] =>
  range(300, (index) => `stranger ${index} ${Math.random()}`).map(([key, value]) =>
    Buffer.concat([mapHead(1), textToken(key), Buffer.of(value)]),
  );

const WAYS: Readonly<Record<string, { readonly more: number; readonly before: readonly Buffer[] }>> = {
  "a few fields": { more: 0, before: [] },
  "many fields": { more: 40, before: [] },
  "very many fields": { more: 600, before: [] },
  "a key of its own among many such": { more: 0, before: strangers() },
};

for (const [name, { more, before }] of Object.entries(WAYS)) {
  test(`an object with ${name} has the fields, the order and the prototype that assignment would give it`, () => {
    const fields: Field[] = [
      ...range(more, (index) => `more ${index}`),
      ...KEYS.map((key, index): Field => [key, index]),
    ];
    const expected: Record<string, unknown> = {};
    for (const [key, value] of fields)
      Object.defineProperty(expected, key, { value, writable: true, enumerable: true, configurable: true });

    const object = received(fields, before);

    assert.equal(Object.getPrototypeOf(object), Object.prototype);
    assert.deepEqual(Object.getOwnPropertyDescriptors(object), Object.getOwnPropertyDescriptors(expected));
    assert.deepEqual(Reflect.ownKeys(object), Reflect.ownKeys(expected));
    assert.ok(Object.isExtensible(object));
    object.later = 1;
    assert.equal(object.later, 1);
  });
}

test("objects whose keys are indexes keep their order, however far apart the indexes are", () => {
  for (const far of [1, 3, 7_919, 40_000_000]) {
    const object = received(range(100, (index) => String((99 - index) * far)));

    assert.deepEqual(
      Object.entries(object),
      Array.from({ length: 100 }, (_, index) => [String(index * far), 99 - index]),
    );
    assert.equal(4_294_967_294 in object, false);
  }
});

test("a field runs no setter that a program has put onto Object.prototype", () => {
  let runs = 0;
  Object.defineProperty(Object.prototype, "watched", { set: () => runs++, configurable: true });
  try {
    for (const more of [0, 40, 600]) {
      const object = received([...range(more, (index) => `more ${index}`), ["watched", 7]]);

      assert.equal(Object.getOwnPropertyDescriptor(object, "watched")?.value, 7);
    }
    assert.equal(runs, 0);
  } finally {
    Reflect.deleteProperty(Object.prototype, "watched");
  }
});

test("an object that is a hash table can hold itself", () => {
  for (const count of [40, 600]) {
    const object: Record<string, unknown> = Object.fromEntries(range(count, (index) => `field ${index}`));
    object.self = object;
    object.list = [object];

    const arrived = roundTrip(object) as typeof object;

    assert.equal(arrived.self, arrived);
    assert.equal((arrived.list as unknown[])[0], arrived);
    assert.equal(Object.keys(arrived).length, count + 2);
  }
});

test("keys of any length and script arrive as they are, met once or often", () => {
  const keys = [
    "",
    "é",
    "\ufffd",
    "日本",
    "🦙",
    "x".repeat(31),
    "é".repeat(15),
    "x".repeat(32),
    "\ud800",
    "a\u0000b",
  ];
  const objects = Array.from({ length: 20 }, (_, index) =>
    Object.fromEntries(keys.map((key) => [key, index])),
  );

  assert.deepEqual(roundTrip(objects), objects);
});
