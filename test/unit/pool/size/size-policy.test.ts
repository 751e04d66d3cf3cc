/** How many workers there are to be, from how much work there is: examples, then what holds for any load. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { type PoolLoad, SizePolicy } from "../../../../src/pool/size/size-policy.ts";

const RANGE = { min: 1, max: 8, targetWaitMs: 250, idleMs: 30_000 };
const NOTHING: PoolLoad = { calls: 0, ms: 0, waiting: 0 };

function load(calls: number, ms: number, waiting = 0): PoolLoad {
  return { calls, ms, waiting };
}

describe("SizePolicy", () => {
  test("grows at once, to twice as many at most, while there is more work for each than the target", () => {
    const policy = new SizePolicy(RANGE, 1);
    const heavy = load(100, 1_000);

    assert.equal(policy.decide(heavy, 1, 0), 2);
    assert.equal(policy.decide(heavy, 2, 0), 4);
    assert.equal(policy.decide(heavy, 4, 0), 4, "at the target there are enough");
    assert.equal(policy.decide(load(100, 100_000), 4, 0), 8);
    assert.equal(policy.decide(load(100, 100_000), 8, 0), 8, "and no more than the most");
  });

  test("starts the first worker for the first call, whatever that takes, and none without", () => {
    const policy = new SizePolicy({ ...RANGE, min: 0 }, 1);

    assert.equal(policy.decide(NOTHING, 0, 0), 0);
    assert.equal(policy.decide(load(1, 0, 1), 0, 0), 1);
    assert.equal(policy.decide(load(100, 0, 99), 1, 0), 1, "nothing is known of what they take");
  });

  test("never has more workers than there are calls: one call takes one worker, however long it is", () => {
    const policy = new SizePolicy(RANGE, 1);

    assert.equal(policy.decide(load(1, 60_000), 1, 0), 1);
    assert.equal(policy.decide(load(2, 120_000), 1, 0), 2);
    assert.equal(policy.decide(load(2, 120_000), 2, 0), 2);
  });

  test("has as many as the quorum asks for while calls wait, up to the most", () => {
    const waiting = load(1, 0, 1);

    assert.equal(new SizePolicy({ ...RANGE, min: 0 }, 3).decide(waiting, 0, 0), 3);
    assert.equal(new SizePolicy({ ...RANGE, min: 0, max: 2 }, 3).decide(waiting, 0, 0), 2);
    assert.equal(new SizePolicy({ ...RANGE, min: 4 }, 3).decide(waiting, 4, 0), 4);
    assert.equal(new SizePolicy({ ...RANGE, min: 0 }, 3).decide(load(1, 0, 0), 1, 0), 1, "none waits");
  });

  test("shrinks when fewer were enough for all of the idle time, and to the most that were needed in it", () => {
    const policy = new SizePolicy(RANGE, 1);

    assert.equal(policy.decide(load(1, 10), 8, 0), 8);
    assert.equal(policy.dueMs, 30_000);
    assert.equal(policy.decide(load(3, 300), 8, 10_000), 8);
    assert.equal(policy.decide(load(1, 10), 8, 29_999), 8);
    assert.equal(policy.decide(load(1, 10), 8, 30_000), 3);
    assert.equal(policy.decide(load(1, 10), 3, 30_000), 3, "what is left has the same time");
    assert.equal(policy.decide(load(1, 10), 3, 60_000), 1);
  });

  test("begins anew once all of them are needed", () => {
    const policy = new SizePolicy(RANGE, 1);
    policy.decide(NOTHING, 4, 0);

    assert.equal(policy.decide(load(8, 900), 4, 20_000), 4);
    assert.equal(policy.dueMs, undefined);
    assert.equal(policy.decide(NOTHING, 4, 30_000), 4);
    assert.equal(policy.decide(NOTHING, 4, 60_000), 1);
  });

  test("never shrinks where the idle time has no end", () => {
    const policy = new SizePolicy({ ...RANGE, idleMs: Number.POSITIVE_INFINITY }, 1);
    policy.decide(NOTHING, 8, 0);

    assert.equal(policy.decide(NOTHING, 8, Number.MAX_SAFE_INTEGER), 8);
  });

  test("stays within its bounds, and does not turn round for a load that stays", () => {
    const ranges = fc
      .record({ min: fc.nat(6), more: fc.nat(10), targetWaitMs: fc.integer({ min: 1, max: 5_000 }) })
      .map(({ min, more, targetWaitMs }) => ({
        ...{ min, targetWaitMs },
        max: Math.max(1, min + more),
        idleMs: 1_000,
      }));
    const loads = fc
      .record({ calls: fc.nat(300), each: fc.nat(3_000), waiting: fc.nat(300) })
      .map(({ calls, each, waiting }) => load(calls, calls * each, Math.min(calls, waiting)));
    fc.assert(
      fc.property(
        ranges,
        fc.nat(12),
        fc.array(fc.tuple(loads, fc.integer({ min: 1, max: 40 })), { maxLength: 8 }),
        (range, quorum, phases) => {
          const policy = new SizePolicy(range, quorum);
          let workers = range.min;
          let nowMs = 0;
          for (const [present, looks] of phases) {
            const directions: number[] = [];
            for (let look = 0; look < looks; look += 1) {
              nowMs += 100;
              const before = workers;
              workers = policy.decide(present, before, nowMs);

              assert.ok(workers >= Math.min(range.min, before) && workers <= Math.max(range.max, before));
              const quorate = present.waiting > 0 ? Math.min(quorum, range.max) : 0;
              const least = Math.max(range.min, quorate, present.calls > 0 ? 1 : 0);
              assert.ok(workers >= least, "there are always as many as there have to be");
              assert.ok(workers <= Math.max(least, 2 * before, 1), "in bounded steps");
              if (workers !== before) directions.push(Math.sign(workers - before));
            }
            const turns = directions.filter((direction, at) => at > 0 && direction !== directions[at - 1]);
            assert.deepEqual(turns, [], `up and down: ${directions.join(" ")}`);
          }
        },
      ),
    );
  });
});
