/** How time is shared. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { FairClock, Standing } from "../../../src/internal/fair-clock.ts";

test("FairClock gives all who always want a turn the same time, within one turn of each", () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 2, maxLength: 12 }),
      fc.integer({ min: 100, max: 400 }),
      (costs, turns) => {
        const clock = new FairClock();
        const standings = costs.map(() => new Standing());
        const took = costs.map(() => 0);

        for (let turn = 0; turn < turns; turn++) {
          const next = standings.reduce((least, each) => (each.afterMs < least.afterMs ? each : least));
          const index = standings.indexOf(next);
          clock.begin(next);
          clock.charge(next, costs[index] as number);
          took[index] = (took[index] as number) + (costs[index] as number);
        }

        const spread = Math.max(...took) - Math.min(...took);
        // Of turns that take longer than all those of others have taken together, there has been one at most.
        assert.ok(spread <= Math.max(...costs), `${took}`);
      },
    ),
  );
});

test("FairClock has whoever comes begin where the others are, unless it has taken more", () => {
  const clock = new FairClock();
  const [steady, late, greedy] = [new Standing(), new Standing(), new Standing()];
  for (let turn = 0; turn < 10; turn++) {
    clock.begin(steady);
    clock.charge(steady, 5);
  }
  clock.charge(greedy, 100);

  clock.join(late);
  clock.join(greedy);

  assert.deepEqual([late.takenMs, greedy.takenMs], [45, 100]);
  assert.deepEqual([clock.isEven(late), clock.isEven(greedy)], [true, false]);
});

test("FairClock gives whoever comes during a long turn no time that has gone by", () => {
  const clock = new FairClock();
  const [long, short, late] = [new Standing(), new Standing(), new Standing()];
  clock.charge(long, 10);
  clock.charge(short, 12);
  clock.begin(short);
  clock.begin(long); // it stands farther behind, though the other one had its turn first

  clock.join(late);

  assert.equal(late.takenMs, 12);
});

test("FairClock counts turns that take no time, so that those who take none alternate", () => {
  const clock = new FairClock();
  const standing = new Standing();

  clock.charge(standing, 0);

  assert.ok(standing.takenMs > 0);
});
