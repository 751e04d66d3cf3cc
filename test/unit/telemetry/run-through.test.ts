import assert from "node:assert/strict";
import { test } from "node:test";
import { runThrough } from "../../../src/telemetry/run-through.ts";

test("code is run through the function, and directly without one", () => {
  const around: string[] = [];
  const run = <T>(fn: () => T): T => {
    around.push("before");
    try {
      return fn();
    } finally {
      around.push("after");
    }
  };

  assert.equal(
    runThrough(run, () => around.push("code")),
    2,
  );
  assert.deepEqual(around, ["before", "code", "after"]);
  assert.throws(
    () =>
      runThrough(run, () => {
        throw new RangeError("of the code");
      }),
    RangeError,
  );
  assert.equal(
    runThrough(undefined, () => 1),
    1,
  );
});

test("code is run once, whatever the function does", () => {
  let runs = 0;
  const code = () => ++runs;
  const twice = <T>(fn: () => T): T => {
    fn();
    return fn();
  };
  const never = (<T>(): T | undefined => undefined) as unknown as <T>(fn: () => T) => T;
  const swallows = (<T>(fn: () => T): T | undefined => {
    fn();
    return undefined;
  }) as <T>(fn: () => T) => T;

  assert.equal(runThrough(twice, code), 1);
  assert.equal(runThrough(never, code), 2);
  assert.equal(runThrough(swallows, code), 3);
});

test("what the function throws itself is reported as uncaught, and harms nothing", async (context) => {
  const uncaught = new Promise((resolve) => process.setUncaughtExceptionCaptureCallback(resolve));
  context.after(() => process.setUncaughtExceptionCaptureCallback(null));
  const throws = <T>(fn: () => T): T => {
    fn();
    throw new Error("of the subscriber");
  };

  assert.equal(
    runThrough(throws, () => 7),
    7,
  );

  assert.equal(((await uncaught) as Error).message, "of the subscriber");
});
