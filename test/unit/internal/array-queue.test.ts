/** A queue in one array. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ArrayQueue } from "../../../src/internal/array-queue.ts";
import { movedElements } from "../../support/moved-elements.ts";

test("ArrayQueue behaves as an array of which only the ends are used", () => {
  const operation = fc.oneof(
    fc.constant("shift" as const),
    fc.constant("pop" as const),
    fc.constant("clear" as const),
    fc.record({ push: fc.integer({ min: 1, max: 100 }) }),
    fc.record({ unshift: fc.integer() }),
    fc.record({ take: fc.integer({ min: 1, max: 80 }) }),
  );
  fc.assert(
    fc.property(fc.array(operation, { maxLength: 60 }), (operations) => {
      const queue = new ArrayQueue<number>();
      let expected: number[] = [];
      let next = 0;
      for (const step of operations) {
        if (step === "shift") assert.equal(queue.shift(), expected.shift());
        else if (step === "pop") assert.equal(queue.pop(), expected.pop());
        else if (step === "clear") {
          queue.clear();
          expected = [];
        } else if ("push" in step) {
          for (let count = 0; count < step.push; count += 1) {
            queue.push(next);
            expected.push(next++);
          }
        } else if ("unshift" in step) {
          queue.unshift(step.unshift);
          expected.unshift(step.unshift);
        } else {
          for (let count = 0; count < step.take; count += 1) assert.equal(queue.shift(), expected.shift());
        }
        assert.equal(queue.size, expected.length);
        assert.equal(queue.peek(), expected[0]);
        assert.deepEqual([...queue], expected);
      }
      assert.deepEqual(queue.drain(), expected);
      assert.equal(queue.size, 0);
    }),
  );
});

test("ArrayQueue moves each value about once, however many wait", () => {
  const queue = new ArrayQueue<number>();
  const values = 100_000;

  const moved = movedElements(() => {
    for (let n = 0; n < values; n += 1) queue.push(n);
    for (let n = 0; n < values; n += 1) {
      queue.shift();
      queue.push(n);
    }
    for (let n = 0; n < values; n += 1) queue.shift();
  });

  assert.ok(moved <= 5 * values, `${moved} moves`);
});
