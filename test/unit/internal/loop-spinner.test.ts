/** The spinner keeps the loop turning for a moment, and only while that pays. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LoopSpinner } from "../../../src/internal/loop-spinner.ts";

/** Counts the immediates that are set while `run` goes on; a loop that sleeps sets none. */
async function turnsDuring(run: () => void): Promise<number> {
  const original = globalThis.setImmediate;
  let turns = 0;
  globalThis.setImmediate = ((callback: () => void) => {
    turns += 1;
    return original(callback);
  }) as typeof setImmediate;
  try {
    run();
    await new Promise((resolve) => setTimeout(resolve, 5));
  } finally {
    globalThis.setImmediate = original;
  }
  return turns;
}

test("LoopSpinner keeps the loop turning after expect, and stops by itself", async () => {
  const spinner = new LoopSpinner({ processors: 2 });

  assert.ok((await turnsDuring(() => spinner.expect())) > 0, "it did not spin");
  assert.equal(await turnsDuring(() => {}), 0);
});

test("LoopSpinner gives up what does not pay, and tries again after a while", async () => {
  const spinner = new LoopSpinner({ processors: 2 });
  const spun: boolean[] = [];

  for (let wait = 0; wait < 40; wait++) spun.push((await turnsDuring(() => spinner.expect())) > 0);

  assert.deepEqual(spun.slice(0, 4), [true, true, true, true]);
  assert.deepEqual(new Set(spun.slice(4, 35)), new Set([false]));
  assert.ok(spun.slice(35).includes(true), "it never tried again");
});

test("LoopSpinner goes on for as long as it pays", async () => {
  const spinner = new LoopSpinner({ processors: 2 });

  for (let wait = 0; wait < 100; wait++) {
    spinner.expect();
    spinner.arrived();
  }
  await turnsDuring(() => {}); // lets the turn that is pending pass

  assert.ok((await turnsDuring(() => spinner.expect())) > 0, "it did not spin");
});

test("LoopSpinner does nothing on one processor", async () => {
  const spinner = new LoopSpinner({ processors: 1 });

  assert.equal(await turnsDuring(() => spinner.expect()), 0);
});

test("LoopSpinner waits awake for as long as it is made to", async () => {
  const [short, long] = [0.05, 3].map((windowMs) => new LoopSpinner({ processors: 2, windowMs }));

  const awakeMs = async (spinner: LoopSpinner | undefined): Promise<number> => {
    let last = performance.now();
    const start = last;
    const original = globalThis.setImmediate;
    globalThis.setImmediate = ((callback: () => void) => {
      last = performance.now();
      return original(callback);
    }) as typeof setImmediate;
    try {
      spinner?.expect();
      await new Promise((resolve) => setTimeout(resolve, 10));
    } finally {
      globalThis.setImmediate = original;
    }
    return last - start;
  };

  assert.ok((await awakeMs(long)) > 2.5, "it went to sleep early");
  assert.ok((await awakeMs(short)) < 2.5, "it stayed awake");
});
