import assert from "node:assert/strict";
import { test } from "node:test";
import { MAX_SLAB_BYTES, releaseSlab, Slabs, slabBytes } from "../../../../src/session/messages/slab.ts";

type Passed = ReturnType<Slabs["write"]>;

function bytesOf(lengthBytes: number, first = 1): Uint8Array {
  return Uint8Array.from({ length: lengthBytes }, (_, at) => (first + at) & 0xff);
}

function read(slab: Passed): Buffer {
  return Buffer.from(slabBytes(slab).subarray(slab.start, slab.end));
}

for (const odd of [false, true]) {
  test(`Slabs writes a payload that begins at an ${odd ? "odd" : "even"} place, whole`, () => {
    const slabs = new Slabs();
    for (const length of [1, 7, 70_000, MAX_SLAB_BYTES]) {
      const slab = slabs.write(bytesOf(length), odd);

      assert.equal(slab.start % 2, odd ? 1 : 0);
      assert.deepEqual(read(slab), Buffer.from(bytesOf(length)));
      releaseSlab(slab);
    }
  });
}

test("Slabs uses memory again that was let go of, and none before", () => {
  const slabs = new Slabs();
  const first = slabs.write(bytesOf(100_000, 1), false);
  const second = slabs.write(bytesOf(100_000, 2), false);
  releaseSlab(first);
  const third = slabs.write(bytesOf(100_000, 3), false);

  assert.notEqual(second.memory, first.memory);
  assert.equal(third.memory, first.memory);
  assert.deepEqual(read(second), Buffer.from(bytesOf(100_000, 2)));
});

test("Slabs never writes again to what nobody lets go of, and makes other memory", () => {
  const slabs = new Slabs();
  const held = [1, 2, 3, 4, 5].map((first) => ({ first, slab: slabs.write(bytesOf(70_000, first), false) }));
  const before = slabs.write(bytesOf(70_000, 6), false);
  releaseSlab(before);
  for (const { slab } of held) releaseSlab(slab); // also of those that have been forgotten
  const after = slabs.write(bytesOf(70_000, 7), false);

  assert.equal(new Set(held.map(({ slab }) => slab.memory)).size, 5);
  assert.equal(after.memory, before.memory);
  for (const { first, slab } of held.slice(0, 4))
    assert.deepEqual(read(slab), Buffer.from(bytesOf(70_000, first)));
});

test("Slabs takes larger memory for a longer payload", () => {
  const slabs = new Slabs();
  const small = slabs.write(bytesOf(70_000), false);
  releaseSlab(small);

  const large = slabs.write(bytesOf(1_000_000), false);

  assert.notEqual(large.memory, small.memory);
  assert.deepEqual(read(large), Buffer.from(bytesOf(1_000_000)));
});
