import assert from "node:assert/strict";
import { test } from "node:test";
import { DeadlineQueue } from "../../../src/internal/time/deadline-queue.ts";
import { StopLadder } from "../../../src/process/stop-ladder.ts";
import { type FakeClock, useFakeClock } from "../../support/use-fake-clock.ts";

function recordedLadder(clock: FakeClock): { readonly ladder: StopLadder; readonly steps: string[] } {
  const steps: string[] = [];
  const ladder = new StopLadder(
    {
      ask: () => steps.push("ask"),
      kill: () => steps.push("kill"),
    },
    new DeadlineQueue(clock),
  );
  return { ladder, steps };
}

test("StopLadder asks, and kills when the time for that is over", async () => {
  using clock = useFakeClock();
  const { ladder, steps } = recordedLadder(clock);

  ladder.climb(100);
  assert.deepEqual(steps, ["ask"]);
  await clock.advance(99);
  assert.deepEqual(steps, ["ask"]);
  await clock.advance(1);
  assert.deepEqual(steps, ["ask", "kill"]);
  assert.equal(clock.timerCount, 0);
});

test("StopLadder kills at once when steps may take no time", () => {
  using clock = useFakeClock();
  const { ladder, steps } = recordedLadder(clock);

  ladder.climb(0);

  assert.deepEqual(steps, ["kill"]);
  assert.equal(clock.timerCount, 0);
});

test("StopLadder without a limit asks and never kills, until it is given one", async () => {
  using clock = useFakeClock();
  const { ladder, steps } = recordedLadder(clock);

  ladder.climb(Number.POSITIVE_INFINITY);
  await clock.advance(10 ** 9);
  assert.deepEqual(steps, ["ask"]);
  ladder.climb(10 ** 9 + 5);
  await clock.advance(5);

  assert.deepEqual(steps, ["ask", "kill"]);
});

test("StopLadder ignores being climbed again at the same pace or slower", async () => {
  using clock = useFakeClock();
  const { ladder, steps } = recordedLadder(clock);

  ladder.climb(100);
  await clock.advance(50);
  ladder.climb(100);
  ladder.climb(1_000);
  await clock.advance(49);
  assert.deepEqual(steps, ["ask"]);
  await clock.advance(1);

  assert.deepEqual(steps, ["ask", "kill"]);
});

test("StopLadder is hastened by a shorter time, counted from when it asked", async () => {
  using clock = useFakeClock();
  const { ladder, steps } = recordedLadder(clock);
  const { ladder: hasty, steps: hastySteps } = recordedLadder(clock);

  ladder.climb(1_000);
  hasty.climb(1_000);
  await clock.advance(50);
  ladder.climb(60);
  await clock.advance(9);
  assert.deepEqual(steps, ["ask"]);
  await clock.advance(1);
  hasty.climb(0);

  assert.deepEqual(steps, ["ask", "kill"]);
  assert.deepEqual(hastySteps, ["ask", "kill"]);
});

test("StopLadder kills once", async () => {
  using clock = useFakeClock();
  const { ladder, steps } = recordedLadder(clock);

  ladder.climb(0);
  ladder.climb(0);
  ladder.climb(10);
  await clock.advance(100);

  assert.deepEqual(steps, ["kill"]);
});

test("StopLadder takes no step after its end, also when a step brings it about", async () => {
  using clock = useFakeClock();
  const { ladder, steps } = recordedLadder(clock);
  const asked: string[] = [];
  const obeyed: StopLadder = new StopLadder(
    {
      ask: () => {
        asked.push("ask");
        obeyed.end();
      },
      kill: () => asked.push("kill"),
    },
    new DeadlineQueue(clock),
  );

  ladder.climb(100);
  ladder.end();
  ladder.climb(0);
  obeyed.climb(100);
  await clock.advance(1_000);

  assert.deepEqual(steps, ["ask"]);
  assert.deepEqual(asked, ["ask"]);
  assert.equal(clock.timerCount, 0);
});
