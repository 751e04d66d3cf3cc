import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { PrefetchedValues } from "../../../../../src/client/call/generator/prefetched-values.ts";
import { DEFAULT_LIMITS } from "../../../../../src/session/limits.ts";
import { movedElements } from "../../../../support/moved-elements.ts";

describe("PrefetchedValues", () => {
  test("gives values out in the order in which they came", () => {
    const ahead = new PrefetchedValues(4);
    ahead.push("a", 1);
    ahead.push(undefined, 2);

    assert.deepEqual(ahead.shift(), { value: "a", sizeBytes: 1 });
    assert.deepEqual(ahead.shift(), { value: undefined, sizeBytes: 2 });
    assert.equal(ahead.shift(), undefined);
  });

  test("has room for as many values as there is credit, and for no more bytes than twice the window", () => {
    const [few, large] = [new PrefetchedValues(2), new PrefetchedValues(1_000)];
    few.push("a", 1);
    const before = few.hasRoom;
    few.push("b", 1);
    const full = few.hasRoom;
    few.shift();
    const after = few.hasRoom;
    large.push("c", 3 * DEFAULT_LIMITS.streamWindow);
    const tooLarge = large.hasRoom;
    large.clear();

    assert.deepEqual([before, full, after, tooLarge, large.hasRoom], [true, false, true, false, true]);
  });

  test("returns every credit in lots of half the prefetch, and owes less than that at any time", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 64 }), fc.integer({ min: 1, max: 500 }), (credit, values) => {
        const ahead = new PrefetchedValues(credit);
        let returned = 0;
        for (let n = 1; n <= values; n++) {
          const lot = ahead.taken(1);
          assert.ok(lot === 0 || lot * 2 >= credit);
          returned += lot;
          assert.ok((n - returned) * 2 < credit || n === returned);
        }
      }),
    );
  });

  test("returns credit early for large values: the window in bytes is the nearer limit", () => {
    const ahead = new PrefetchedValues(1_000);

    assert.equal(ahead.taken(DEFAULT_LIMITS.streamWindow / 4), 0);
    assert.equal(ahead.taken(DEFAULT_LIMITS.streamWindow / 4), 2);
  });

  test("drops values alone, or what is owed as well", () => {
    const ahead = new PrefetchedValues(4);
    ahead.push(1, 1);
    ahead.taken(1);

    ahead.clear();
    assert.equal(ahead.shift(), undefined);
    assert.equal(ahead.taken(1), 2);
    ahead.taken(1);
    ahead.bar();

    assert.equal(ahead.taken(1), 0);
  });

  test("is barred until the worker has seen every throw and return", () => {
    const ahead = new PrefetchedValues(4);
    assert.equal(ahead.barred, false);
    ahead.bar();
    ahead.bar();

    ahead.unbar();
    assert.equal(ahead.barred, true);
    ahead.unbar();

    assert.equal(ahead.barred, false);
  });

  test("moves no value for another, however many are ahead", () => {
    const credit = 100_000;
    const ahead = new PrefetchedValues(credit);

    const moved = movedElements(() => {
      for (let n = 0; n < credit; n += 1) ahead.push(n, 1);
      for (let n = 0; n < credit; n += 1) ahead.shift();
    });

    assert.ok(moved <= 3 * credit, `${moved} moves`);
  });
});
