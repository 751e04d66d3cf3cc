/** The spinner keeps the loop turning for a moment, and only while that pays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoopSpinner, type SpunLoop } from "../../../src/internal/loop-spinner.ts";

/** How long one turn of the fake loop takes: far less than a spinner's window. */
const TURN_MS = 0.01;

/** A loop that turns only when the test says so; each turn takes {@link TURN_MS}. */
interface FakeLoop extends SpunLoop {
  /** Turns for as long as anything keeps it awake. Returns for how many milliseconds something did. */
  turnUntilAsleep(): number;
}

function useFakeLoop(): FakeLoop {
  let turns = 0;
  const pending: (() => void)[] = [];
  return {
    now: () => turns * TURN_MS,
    setImmediate: (run) => pending.push(run),
    turnUntilAsleep() {
      const before = turns;
      for (;;) {
        const due = pending.splice(0);
        if (due.length === 0) return (turns - before) * TURN_MS;
        turns += 1;
        for (const run of due) run();
      }
    },
  };
}

test("LoopSpinner keeps the loop turning after expect, and stops by itself", () => {
  const loop = useFakeLoop();
  const spinner = new LoopSpinner({ processors: 2, loop });

  spinner.expect();

  assert.ok(loop.turnUntilAsleep() > 0);
  assert.equal(loop.turnUntilAsleep(), 0);
});

test("LoopSpinner gives up what does not pay, and tries again after a while", () => {
  const loop = useFakeLoop();
  const spinner = new LoopSpinner({ processors: 2, loop });
  const spun: boolean[] = [];

  for (let wait = 0; wait < 40; wait++) {
    spinner.expect();
    spun.push(loop.turnUntilAsleep() > 0);
  }

  assert.deepEqual(spun.slice(0, 4), [true, true, true, true]);
  assert.deepEqual(new Set(spun.slice(4, 35)), new Set([false]));
  assert.ok(spun.slice(35).includes(true), "it never tried again");
});

test("LoopSpinner goes on for as long as it pays", () => {
  const loop = useFakeLoop();
  const spinner = new LoopSpinner({ processors: 2, loop });

  for (let wait = 0; wait < 100; wait++) {
    spinner.expect();
    spinner.arrived();
    loop.turnUntilAsleep();
  }
  spinner.expect();

  assert.ok(loop.turnUntilAsleep() > 0);
});

test("LoopSpinner does nothing on one processor", () => {
  const loop = useFakeLoop();
  const spinner = new LoopSpinner({ processors: 1, loop });

  spinner.expect();

  assert.equal(loop.turnUntilAsleep(), 0);
});

test("LoopSpinner waits awake for as long as it is made to", () => {
  for (const windowMs of [0.05, 3]) {
    const loop = useFakeLoop();
    const spinner = new LoopSpinner({ processors: 2, windowMs, loop });

    spinner.expect();
    const awakeMs = loop.turnUntilAsleep();

    assert.ok(Math.abs(awakeMs - windowMs) <= 2 * TURN_MS, `awake for ${awakeMs} of ${windowMs} ms`);
  }
});

test("LoopSpinner turns the loop that it runs in, unless it is given another", async () => {
  const original = globalThis.setImmediate;
  let turns = 0;
  globalThis.setImmediate = ((callback: () => void) => {
    turns += 1;
    return original(callback);
  }) as typeof setImmediate;
  try {
    new LoopSpinner({ processors: 2 }).expect();
    // Set by the spinner, before anything else could be.
    assert.equal(turns, 1);
  } finally {
    globalThis.setImmediate = original;
  }
});
