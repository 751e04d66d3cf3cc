/** A promise settled from outside. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../src/internal/deferred.ts";

test("createDeferred settles its promise with the first value given", async () => {
  const deferred = createDeferred<number>();

  deferred.resolve(1);
  deferred.resolve(2);
  deferred.reject(new Error("late"));

  assert.equal(await deferred.promise, 1);
});

test("createDeferred rejects its promise with the very reason", async () => {
  const deferred = createDeferred();
  const reason = new Error("why");

  deferred.reject(reason);

  await assert.rejects(deferred.promise, (error) => error === reason);
});
