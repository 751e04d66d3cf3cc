/** Who is read from while peers hold as much as they may, and who is ended. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate } from "node:timers/promises";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { memoryLimits } from "../../../../src/session/memory/limits.ts";
import { MemoryBudget } from "../../../../src/session/memory/memory-budget.ts";
import type { ConnectionMemory } from "../../../../src/session/memory/peer-memory.ts";
import { createShareMemory, ThreadShare } from "../../../../src/session/memory/thread-share.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** A budget of 1 000 bytes with peers that hold some. */
function useBudget() {
  const clock = useFakeClock();
  const budget = new MemoryBudget({ limitBytes: 1_000, objectWeight: 1 }, new DeadlineQueue(clock));
  const held = new Set<string>();
  const ended: string[] = [];
  return {
    budget,
    clock,
    ended,
    held: () => [...held].sort(),
    peer(name: string): ConnectionMemory {
      const memory: ConnectionMemory = budget.open(name, {
        holdInput: (hold) => void (hold ? held.add(name) : held.delete(name)),
        overdue: (problem) => {
          assert.match(problem, /hold \d+ bytes, all peers together \d+ of 1000/);
          ended.push(name);
          memory.close();
        },
      });
      return memory;
    },
    fill(memory: ConnectionMemory, bytes: number) {
      memory.add(bytes);
      memory.check();
    },
    [Symbol.dispose]: () => clock[Symbol.dispose](),
  };
}

test("MemoryBudget reads from everybody until half of it is used, and then not from those who hold most", () => {
  using t = useBudget();
  const [large, small, idle] = [t.peer("large"), t.peer("small"), t.peer("idle")];

  t.fill(large, 400);
  t.fill(small, 10);
  const before = t.held();
  t.fill(large, 100);

  assert.deepEqual(before, []);
  assert.deepEqual(t.held(), ["large"]);
  t.fill(idle, 5);
  t.fill(small, 5);
  assert.deepEqual(t.held(), ["large"]);
  t.fill(idle, 200);
  assert.deepEqual(t.held(), ["idle", "large"]);
});

test("MemoryBudget leaves less to hold by what connections take up, half at least, and ends none for being there", async () => {
  const clock = useFakeClock();
  const limits = { limitBytes: 1_000, objectWeight: 1, connectionBytes: 20 };
  const budget = new MemoryBudget(limits, new DeadlineQueue(clock));
  const ended: string[] = [];
  const open = (name: string): ConnectionMemory =>
    budget.open(name, { holdInput: () => {}, overdue: () => ended.push(name) });
  const [first, ...idle] = Array.from({ length: 10 }, (_, n) => open(`peer ${n}`));

  first?.add(399);
  first?.check();
  const before = budget.full;
  first?.add(1);
  first?.check();
  const full = budget.full;
  for (let n = 0; n < 100; n++) idle.push(open("many"));
  first?.drop(200);
  await setImmediate();
  const relieved = !budget.full; // at three quarters of a half of the half that is left
  first?.drop(20);
  await setImmediate();
  await clock.advance(60_000);

  assert.deepEqual([before, full, relieved, budget.full], [false, true, false, false]);
  assert.deepEqual(ended, []);
  for (const memory of idle) memory.close();
  first?.add(300);
  first?.check();
  assert.equal(budget.full, false);
  clock[Symbol.dispose]();
});

test("MemoryBudget lets those who wait go on one after the other, the one with the least first", async () => {
  using t = useBudget();
  const [a, b, c] = [t.peer("a"), t.peer("b"), t.peer("c")];
  t.fill(a, 150);
  t.fill(b, 200);
  t.fill(c, 250);
  await setImmediate();
  const first = t.held();

  t.fill(a, 100);
  const going = t.held();
  a.drop(250);
  await setImmediate();
  const second = t.held();
  b.drop(200);
  await setImmediate();

  assert.deepEqual(first, ["b", "c"]);
  assert.deepEqual(going, ["b", "c"]);
  assert.deepEqual(second, ["c"]);
  assert.deepEqual(t.held(), []);
  assert.equal(t.budget.full, false);
});

test("MemoryBudget stops also the one whose turn it is when all of it is used, and ends the largest in time", async () => {
  using t = useBudget();
  const [a, b] = [t.peer("a"), t.peer("b")];
  t.fill(a, 300);
  t.fill(b, 300);
  await setImmediate();
  const turn = t.held();

  t.fill(a, 400);
  const full = t.held();
  await t.clock.advance(9_000);
  const waiting = [...t.ended];
  await t.clock.advance(2_000);
  await setImmediate();

  assert.deepEqual([turn, full, waiting], [["b"], ["a", "b"], []]);
  assert.deepEqual(t.ended, ["a"]);
  assert.equal(t.budget.heldBytes, 300);
  assert.equal(t.budget.full, false);
});

test("MemoryBudget ends a peer whose turn brings nothing, and not one that goes on", async () => {
  using t = useBudget();
  const [slow, stuck] = [t.peer("slow"), t.peer("stuck")];
  t.fill(slow, 250);
  t.fill(stuck, 300);
  await setImmediate();

  for (let second = 0; second < 30; second++) {
    slow.add(1);
    await t.clock.advance(1_000);
  }
  const during = [...t.ended];
  slow.drop(280);
  await setImmediate();
  const after = t.held();
  t.fill(slow, 250); // it is full again
  await t.clock.advance(12_000);

  assert.deepEqual(during, []);
  assert.deepEqual(after, []);
  assert.equal(t.ended.length, 1);
});

test("MemoryBudget counts the connections of a peer together, also one that comes later", () => {
  using t = useBudget();
  const first = t.peer("a");
  t.fill(first, 600);
  let held = false;

  const second = t.budget.open("a", {
    holdInput: (hold) => {
      held = hold;
    },
    overdue() {},
  });
  second.addAnswers(400);

  assert.equal(held, true);
  assert.equal(second.peer.bytes, 1_000);
  assert.equal(second.peer.readsTooLittle, false);
  second.addAnswers(300);
  assert.equal(second.peer.readsTooLittle, true);
  first.close();
  second.close();
  second.add(5);
  assert.equal(t.budget.heldBytes, 0);
});

test("MemoryBudget has what the other thread does not hold, though always something, and sees when there is more again", async () => {
  using t = useBudget();
  const memory = createShareMemory();
  const other = new ThreadShare(memory, 0);
  const KIB = 1024;
  const clock = t.clock;
  const budget = new MemoryBudget({ limitBytes: 256 * KIB, objectWeight: 1 }, new DeadlineQueue(clock));
  budget.join(new ThreadShare(memory, 1), {
    totalBytes: 1_024 * KIB,
    leastBytes: 96 * KIB,
    fullBytes: 64 * KIB,
  });
  let held = false;
  const peer = budget.open("peer", {
    holdInput(hold) {
      held = hold;
    },
    overdue() {},
  });
  other.report(0);

  peer.add(60 * KIB);
  peer.check();
  assert.equal(held, false);
  assert.equal(new ThreadShare(memory, 0).otherBytes, 60 * KIB);
  other.report(1_000 * KIB); // which leaves less than the least
  peer.check();
  assert.equal(held, true);
  await setImmediate();
  // Its turn: there is room for 36 KiB more, and no further.
  assert.equal(held, false);
  peer.add(35 * KIB);
  peer.check();
  assert.equal(held, false);
  peer.add(KIB);
  peer.check();
  assert.equal(held, true);
  other.report(0);
  await clock.advance(100);
  assert.equal(held, false);
  peer.close();
  assert.equal(new ThreadShare(memory, 0).otherBytes, 0);
});

test("the limits of a process follow its memory, and leave room for three of its largest messages", () => {
  const limits = (availableBytes: number, heapBytes: number, maxMessage?: number, allowedBytes?: number) => {
    const found = memoryLimits(maxMessage, undefined, { availableBytes, heapBytes, allowedBytes });
    return [found.limitBytes / MIB, found.objectWeight];
  };

  assert.deepEqual(limits(16 * GIB, 4 * GIB), [512, 1]);
  assert.deepEqual(limits(16 * GIB, 512 * MIB), [512, 4]);
  assert.deepEqual(limits(2 * GIB, 4 * GIB, MIB), [512, 1]);
  assert.deepEqual(limits(4 * GIB, 4 * GIB, MIB, 384 * MIB), [384, 1]);
  // Below that, less is held, so that with the garbage of both threads it is no more than a quarter beyond.
  assert.deepEqual(limits(GIB, GIB, MIB), [224, 1]);
  assert.deepEqual(limits(GIB, GIB), [279, 300 / 256]);
  assert.deepEqual(limits(16 * GIB, 4 * GIB, MIB, 128 * MIB), [64, 1]);
  assert.deepEqual(limits(16 * GIB, 4 * GIB, MIB, 64 * MIB), [32, 1]);
  assert.deepEqual(limits(16 * GIB, 4 * GIB, 40 * MIB, 128 * MIB), [80, 1]);
});
