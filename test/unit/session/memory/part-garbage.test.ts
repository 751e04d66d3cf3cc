import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapSpaceStatistics } from "node:v8";
import { collectYoungGarbage } from "../../../../src/internal/collect-garbage.ts";
import { PartGarbage } from "../../../../src/session/memory/part-garbage.ts";

const MIB = 1024 * 1024;

/** Memory in which all that has come is garbage, or is kept. */
function memory() {
  return {
    bytes: 0,
    keptBytes: 0,
    collections: 0,
    usedBytes() {
      return this.bytes;
    },
    collect() {
      this.collections += 1;
      this.bytes = this.keptBytes;
    },
  };
}

test("parts that are let go of are collected before much has come", () => {
  const outside = memory();
  const garbage = new PartGarbage(outside);
  let most = 0;

  for (let call = 0; call < 180; call++) {
    outside.bytes += MIB;
    most = Math.max(most, outside.bytes);
    garbage.add(MIB);
  }

  assert.equal(outside.collections, 20);
  assert.equal(most, 9 * MIB);
});

test("what the engine has collected meanwhile is not collected again", () => {
  const outside = memory();
  const garbage = new PartGarbage(outside);

  for (let call = 0; call < 120; call++) {
    outside.bytes = MIB;
    garbage.add(MIB);
  }

  assert.equal(outside.collections, 0);
});

test("parts that are kept are collected in vain less and less often, and as before once they are let go of", () => {
  const outside = memory();
  const garbage = new PartGarbage(outside);
  const receive = (count: number, isKept: boolean) => {
    for (let call = 0; call < count; call++) {
      outside.bytes += MIB;
      if (isKept) outside.keptBytes += MIB;
      garbage.add(MIB);
    }
  };

  receive(600, true);
  assert.ok(outside.collections <= 14, `${outside.collections} collections`);
  receive(200, false);
  const before = outside.collections;
  receive(90, false);

  assert.equal(outside.collections - before, 10);
});

test("what the engine has not freed yet at one collection changes nothing", () => {
  const outside = memory();
  const garbage = new PartGarbage(outside);
  const unfreed = [3.4, 9.5, 9.6, 9.7, 9.8, 9.9];
  outside.bytes = (unfreed[0] as number) * MIB;

  for (let call = 0; call < 90; call++) {
    outside.bytes += MIB;
    outside.keptBytes = (unfreed[Math.min(outside.collections + 1, 5)] as number) * MIB;
    garbage.add(MIB);
  }

  assert.equal(outside.collections, 10);
});

test("parts of one and a half mebibytes and more are left to the engine, and do not count for others", () => {
  const outside = memory();
  const garbage = new PartGarbage(outside);

  for (let call = 0; call < 40; call++) {
    outside.bytes += 1.5 * MIB;
    garbage.add(1.5 * MIB);
  }
  for (let call = 0; call < 8; call++) garbage.add(MIB);
  assert.equal(outside.collections, 0);
  garbage.add(MIB);

  assert.equal(outside.collections, 1);
});

test("payloads inside their frames count twice at either end, and what they left is collected after they have left", () => {
  const outside = memory();
  const garbage = new PartGarbage(outside);
  const seen: number[] = [];

  for (let call = 1; call <= 700; call++) {
    outside.bytes += 48 * 1024;
    garbage.sentPayload(16 * 1024);
    if (call % 2 === 0) garbage.addPayload(16 * 1024);
    else garbage.collect();
    if (outside.bytes === 0) seen.push(call);
  }

  assert.deepEqual(seen, [192, 384, 576]);
});

test("payloads below 4 KiB do not count", () => {
  const outside = memory();
  outside.bytes = 100 * MIB;
  const garbage = new PartGarbage(outside);

  for (let call = 0; call < 10_000; call++) {
    garbage.sentPayload(4095);
    garbage.addPayload(4095);
    garbage.collect();
  }

  assert.equal(outside.collections, 0);
});

test("small messages cause none", () => {
  const outside = memory();
  outside.bytes = 100 * MIB;
  const garbage = new PartGarbage(outside);

  for (let call = 0; call < 60; call++) garbage.add(64 * 1024);

  assert.equal(outside.collections, 0);
});

test("collectYoungGarbage frees what young objects had, and leaves no global", () => {
  const youngBytes = () =>
    getHeapSpaceStatistics().find(({ space_name: name }) => name === "new_space")?.space_used_size ?? 0;
  collectYoungGarbage();
  const isGlobal = "gc" in globalThis;
  for (let count = 0; count < 2_000; count++) new Array(16).fill({});
  const before = youngBytes();

  collectYoungGarbage();

  assert.ok(before - youngBytes() > 100_000, `${before} bytes before, ${youngBytes()} after`);
  assert.equal("gc" in globalThis, isGlobal);
});
