import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { QueuePlace } from "../../../../src/internal/queue/priority-order.ts";
import { leaveQueue, PriorityQueue, type Queued } from "../../../../src/internal/queue/priority-queue.ts";

/** As documented: of eight in a row one is the one that has waited longest. */
const MOST_OVERTAKINGS = 7;

interface Item extends Queued {
  readonly name: number;
}

function item(name: number, priority = 0): Item {
  return { name, priority, rank: priority, queuePlace: undefined as QueuePlace | undefined };
}

/** Takes out all, one after the other. */
function shiftAll(queue: PriorityQueue<Item>): number[] {
  const names: number[] = [];
  for (let next = queue.shift(); next !== undefined; next = queue.shift()) names.push(next.name);
  return names;
}

/** The rule, by looking at all of them each time. */
class NaiveQueue {
  /** In order of arrival. */
  #items: Array<{ readonly name: number; readonly rank: number; readonly order: number }> = [];
  #overtakings = 0;

  get size(): number {
    return this.#items.length;
  }

  push(name: number, rank: number): void {
    this.#items.push({ name, rank, order: name });
    this.#items.sort((one, other) => one.order - other.order);
  }

  remove(name: number): void {
    this.#items = this.#items.filter((other) => other.name !== name);
  }

  shift(): number | undefined {
    const [oldest] = this.#items;
    if (oldest === undefined) return undefined;
    const [first = oldest] = [...this.#items].sort(
      (one, other) => other.rank - one.rank || one.order - other.order,
    );
    const next = this.#overtakings >= MOST_OVERTAKINGS ? oldest : first;
    this.#overtakings = next === oldest ? 0 : this.#overtakings + 1;
    this.remove(next.name);
    return next.name;
  }
}

test("PriorityQueue is first come, first served while nobody has a priority", () => {
  const queue = new PriorityQueue<Item>();
  for (const name of [3, 1, 2]) queue.push(item(name));

  assert.equal(queue.peek()?.name, 3);
  assert.deepEqual(shiftAll(queue), [3, 1, 2]);
  assert.equal(queue.overtook, false);
});

test("PriorityQueue puts one that comes back where it was, whether or not there are priorities", () => {
  for (const priority of [0, 1]) {
    const queue = new PriorityQueue<Item>(({ name }) => name);
    for (const name of [1, 2, 3, 4, 5, 6]) queue.push(item(name, priority));
    const back = [queue.shift(), queue.shift(), queue.shift(), queue.shift()];

    for (const index of [1, 3, 0, 2]) queue.push(back[index] as Item);

    assert.deepEqual(shiftAll(queue), [1, 2, 3, 4, 5, 6]);
  }
});

test("PriorityQueue keeps the age of those that it has when the first with a priority comes", () => {
  const queue = new PriorityQueue<Item>(({ name }) => name);
  for (const name of [10, 20, 30]) queue.push(item(name));
  queue.push(item(40, 1));

  queue.push(item(15));
  queue.push(item(5, 1));

  assert.equal(queue.oldest()?.name, 5);
  assert.deepEqual(shiftAll(queue), [5, 40, 10, 15, 20, 30]);
});

test("PriorityQueue takes the highest first, also past those that came before there was a priority", () => {
  const queue = new PriorityQueue<Item>();
  const items = [item(1), item(2), item(3, -1), item(4, 5), item(5, 5)];
  for (const each of items) queue.push(each);

  assert.deepEqual(shiftAll(queue), [4, 5, 1, 2, 3]);
  assert.ok(items.every(({ queuePlace }) => queuePlace === undefined));
});

test("PriorityQueue takes an urgent one next, behind however many others", () => {
  const queue = new PriorityQueue<Item>();
  for (let name = 0; name < 10_000; name++) queue.push(item(name));
  for (let taken = 0; taken < 100; taken++) queue.shift();

  queue.push(item(-1, 1));

  assert.equal(queue.shift()?.name, -1);
  assert.equal(queue.shift()?.name, 100);
});

test("PriorityQueue lets none starve: of eight in a row one is the one that has waited longest", () => {
  const queue = new PriorityQueue<Item>();
  const before = 3;
  for (let name = 0; name <= before; name++) queue.push(item(name));

  let taken = 0;
  for (let last: number | undefined; last !== before; taken++) {
    queue.push(item(-1, 2 ** 31 - 1));
    last = queue.shift()?.name;
  }

  assert.equal(taken, (MOST_OVERTAKINGS + 1) * (before + 1));
});

test("PriorityQueue does not keep what has left it", () => {
  const queue = new PriorityQueue<Item>();
  const gone = item(1, 3);
  queue.push(gone);
  queue.push(item(2));

  leaveQueue(gone);
  leaveQueue(gone);

  assert.equal(queue.size, 1);
  assert.equal(queue.peek()?.name, 2);
  queue.take(gone);
  assert.deepEqual(shiftAll(queue), [2]);
});

test("PriorityQueue follows its rule whatever comes and goes, with however many priorities", () => {
  const step = fc.oneof(
    fc.record({
      kind: fc.constantFrom("push" as const, "back" as const),
      priority: fc.oneof(fc.integer({ min: -2, max: 2 }), fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })),
    }),
    fc.record({ kind: fc.constantFrom("shift" as const, "take" as const) }),
    fc.record({ kind: fc.constant("leave" as const), which: fc.nat(500) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const queue = new PriorityQueue<Item>(({ name }) => name);
      const naive = new NaiveQueue();
      const left: Item[] = [];
      const items: Item[] = [];
      let anyPriority = false;
      for (const each of steps) {
        if (each.kind === "push" || each.kind === "back") {
          const one = (each.kind === "back" ? left.pop() : undefined) ?? item(items.length, each.priority);
          if (one.name === items.length) items.push(one);
          anyPriority ||= one.priority !== 0;
          queue.push(one);
          naive.push(one.name, one.rank);
        } else if (each.kind === "leave") {
          const one = items[each.which];
          if (one === undefined) continue;
          leaveQueue(one);
          naive.remove(one.name);
        } else {
          const next = queue.peek();
          if (each.kind === "shift") assert.equal(queue.shift(), next);
          else if (next !== undefined) queue.take(next);
          if (next !== undefined) left.push(next);
          assert.equal(next?.name, naive.shift());
        }
        // An order that is empty is given up, and with it what has been counted.
        if (naive.size === 0) return;
        assert.equal(queue.size, naive.size);
      }
      assert.equal(queue.overtook && !anyPriority, false);
    }),
    { numRuns: 300 },
  );
});

test("PriorityQueue empties in order", () => {
  const queue = new PriorityQueue<Item>();
  for (const [name, priority] of [
    [1, 0],
    [2, 7],
    [3, -7],
    [4, 7],
  ] as const)
    queue.push(item(name, priority));

  assert.deepEqual(
    queue.drain().map(({ name }) => name),
    [2, 4, 1, 3],
  );
  assert.equal(queue.size, 0);
});

test("PriorityQueue forgets those that leave it unasked, however many", () => {
  const queue = new PriorityQueue<Item>();
  queue.push(item(0, 1));
  for (let name = 1; name < 5_000; name++) {
    const one = item(name, -name);
    queue.push(one);
    leaveQueue(one);
  }

  assert.equal(queue.size, 1);
  assert.deepEqual(shiftAll(queue), [0]);
});
