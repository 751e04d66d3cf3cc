import assert from "node:assert/strict";
import { test } from "node:test";
import { collectGarbage } from "../../../../src/internal/collect-garbage.ts";
import { ArgumentRoom } from "../../../../src/session/memory/argument-room.ts";
import { HeapGarbage } from "../../../../src/session/memory/heap-garbage.ts";
import { MemoryBudget } from "../../../../src/session/memory/memory-budget.ts";

const MIB = 1024 * 1024;
const LIMIT_BYTES = 240 * MIB;
/** A sixth of that. */
const MOST_BYTES = 40 * MIB;

/** A heap that grows by what is made and shrinks when it is collected. */
function fakeHeap() {
  const heap = {
    keptBytes: 20 * MIB,
    garbageBytes: 0,
    looks: 0,
    collections: 0,
    usedBytes() {
      heap.looks += 1;
      return heap.keptBytes + heap.garbageBytes;
    },
    collect() {
      heap.collections += 1;
      heap.garbageBytes = 0;
    },
  };
  return heap;
}

/** Runs bodies of a caller on the network one after the other, each with arguments of so many bytes. */
function runBodies(
  room: ArgumentRoom,
  count: number,
  { bytes, ended }: { readonly bytes: number; readonly ended: () => void },
): void {
  const memory = { argumentBytes: 0 };
  for (let body = 0; body < count; body++) {
    const task = { argumentBytes: 0, sentBytes: 0, memory };
    room.holdArguments(task, { objectBytes: bytes, binaryBytes: 0 });
    room.release(task);
    ended();
  }
}

function roomWith(heap: ReturnType<typeof fakeHeap>): ArgumentRoom {
  return new ArgumentRoom(
    new MemoryBudget({ limitBytes: LIMIT_BYTES, objectWeight: 1 }),
    new HeapGarbage(heap),
  );
}

test("an ArgumentRoom has the heap collected before bodies have left more in it than a part of the budget", () => {
  const heap = fakeHeap();
  let most = 0;

  runBodies(roomWith(heap), 200, {
    bytes: 8 * MIB,
    ended() {
      heap.garbageBytes += 8 * MIB;
      most = Math.max(most, heap.garbageBytes);
    },
  });

  assert.ok(heap.collections > 10);
  assert.ok(most <= MOST_BYTES + MOST_BYTES / 2, `there were ${most / MIB} MiB`);
});

test("an ArgumentRoom leaves a heap alone that does not grow by what ends, and seldom looks at it", () => {
  const heap = fakeHeap();

  runBodies(roomWith(heap), 10_000, { bytes: MIB / 64, ended() {} });

  assert.equal(heap.collections, 0);
  assert.ok(heap.looks <= 8, `it looked ${heap.looks} times`);
});

test("an ArgumentRoom has a heap collected once that has grown by what the program keeps", () => {
  const heap = fakeHeap();
  const room = roomWith(heap);
  const grow = (bytes: number) => () => {
    heap.keptBytes += bytes;
  };

  runBodies(room, 10, { bytes: 8 * MIB, ended: grow(8 * MIB) });
  const { collections } = heap;
  runBodies(room, 100, { bytes: 8 * MIB, ended: grow(0) });

  assert.ok(collections >= 1);
  assert.ok(heap.collections <= collections + 1);
});

test("an ArgumentRoom never has the heap collected for callers on this host", () => {
  const heap = fakeHeap();
  const room = roomWith(heap);

  for (let body = 0; body < 100; body++) {
    const task = { argumentBytes: 0, sentBytes: 0, memory: undefined };
    room.holdArguments(task, { objectBytes: 8 * MIB, binaryBytes: 0 });
    heap.garbageBytes += 8 * MIB;
    room.release(task);
  }

  assert.deepEqual([heap.looks, heap.collections], [0, 0]);
});

test("collectGarbage collects what nobody refers to, and leaves no global", () => {
  collectGarbage(); // what others have left must not go meanwhile
  const usedBefore = process.memoryUsage().heapUsed;
  let kept: unknown = Array.from({ length: 1_000_000 }, (_, n) => [n]);
  const grown = process.memoryUsage().heapUsed - usedBefore;
  assert.ok(Array.isArray(kept));
  kept = undefined;

  collectGarbage();

  assert.ok(grown > 20 * MIB);
  assert.ok(process.memoryUsage().heapUsed - usedBefore < grown / 2);
  assert.equal(typeof globalThis.gc, process.execArgv.includes("--expose-gc") ? "function" : "undefined");
});
