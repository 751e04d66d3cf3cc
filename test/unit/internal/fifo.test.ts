/** A queue with removal from the middle. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { Fifo, type FifoNode } from "../../../src/internal/fifo.ts";

test("Fifo gives values back in the order in which they came", () => {
  const fifo = new Fifo<string>();
  fifo.push("a");
  fifo.push("b");

  assert.equal(fifo.peek(), "a");
  assert.equal(fifo.shift(), "a");
  assert.equal(fifo.shift(), "b");
  assert.equal(fifo.shift(), undefined);
  assert.equal(fifo.peek(), undefined);
  assert.equal(fifo.size, 0);
});

test("Fifo.remove takes a value out once and does not disturb its neighbours", () => {
  const fifo = new Fifo<number>();
  const [, second] = [1, 2, 3].map((value) => fifo.push(value));
  assert.ok(second);

  assert.equal(fifo.remove(second), true);
  assert.equal(fifo.remove(second), false);

  assert.deepEqual([...fifo], [1, 3]);
  assert.equal(second.next, undefined);
  assert.equal(second.previous, undefined);
});

test("FifoNode.remove takes its value out of the queue that it is in, and of no other", () => {
  const [fifo, other] = [new Fifo<number>(), new Fifo<number>()];
  const node = fifo.push(1);
  other.push(1);

  assert.equal(other.remove(node), false);
  assert.equal(node.remove(), true);
  assert.equal(node.remove(), false);

  assert.deepEqual([fifo.size, other.size], [0, 1]);
});

test("Fifo goes on iterating when the value at hand is removed", () => {
  const fifo = new Fifo<number>();
  const nodes = [1, 2, 3, 4].map((value) => fifo.push(value));
  const seen: number[] = [];

  for (const value of fifo) {
    seen.push(value);
    const node = nodes[value - 1];
    if (node !== undefined && value % 2 === 0) fifo.remove(node);
  }

  assert.deepEqual(seen, [1, 2, 3, 4]);
  assert.deepEqual([...fifo], [1, 3]);
});

test("Fifo.drain empties it, oldest first", () => {
  const fifo = new Fifo<number>();
  for (const value of [1, 2, 3]) fifo.push(value);

  assert.deepEqual(fifo.drain(), [1, 2, 3]);
  assert.equal(fifo.size, 0);
});

test("Fifo agrees with an array under any sequence of operations", () => {
  const operation = fc.oneof(
    fc.constant("push" as const),
    fc.constant("shift" as const),
    fc.record({ remove: fc.nat() }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 80 }), (operations) => {
      const fifo = new Fifo<number>();
      const nodes: FifoNode<number>[] = [];
      let model: number[] = [];
      for (const step of operations) {
        if (step === "push") {
          model.push(nodes.length);
          nodes.push(fifo.push(nodes.length));
        } else if (step === "shift") {
          assert.equal(fifo.shift(), model.shift());
        } else {
          const node = nodes[step.remove % (nodes.length + 1)];
          if (node === undefined) continue;
          assert.equal(fifo.remove(node), model.includes(node.value));
          model = model.filter((value) => value !== node.value);
        }
        assert.deepEqual([...fifo], model);
        assert.equal(fifo.size, model.length);
      }
    }),
  );
});

test("Fifo.insert keeps an order, wherever a value belongs in it", () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }), (values) => {
      const fifo = new Fifo<{ readonly value: number; readonly index: number }>();

      const nodes = values.map((value, index) =>
        fifo.insert({ value, index }, (other) => other.value > value),
      );

      // A stable sort: of those that are alike, the one that was put there first is first.
      const sorted = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
      assert.deepEqual([...fifo], sorted);
      assert.equal(fifo.size, values.length);
      for (const node of nodes) assert.equal(node.remove(), true);
      assert.equal(fifo.peek(), undefined);
    }),
  );
});
