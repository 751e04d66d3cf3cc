import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveCallOptions } from "../../../src/routine/call-options.ts";

test("resolveCallOptions takes Infinity for no limit, and leaves a limit on the search for a worker out then", () => {
  const none = Number.POSITIVE_INFINITY;

  // A timeout stays: it stands in place of the routine's own.
  assert.deepEqual(resolveCallOptions({ timeout: none, returnGrace: none }), {
    timeout: none,
    returnGrace: none,
  });
  assert.equal(resolveCallOptions({ dispatchTimeout: none, tag: "a" }).dispatchTimeout, undefined);
  assert.equal(resolveCallOptions({ dispatchTimeout: none, tag: "a" }).tag, "a");
});

test("resolveCallOptions gives back the very options where there is nothing to change", () => {
  const options = { timeout: 5, dispatchTimeout: 6 };

  assert.equal(resolveCallOptions(options), options);
});
