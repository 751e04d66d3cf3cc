/** One execution for all who ask. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { singleFlight } from "../../../src/internal/single-flight.ts";

test("singleFlight gives concurrent and later callers one execution", async () => {
  const gate = createDeferred<string>();
  let runs = 0;
  const open = singleFlight(() => {
    runs += 1;
    return gate.promise;
  });

  const both = [open(), open()];
  gate.resolve("opened");

  assert.deepEqual(await Promise.all(both), ["opened", "opened"]);
  assert.equal(await open(), "opened");
  assert.equal(runs, 1);
});

test("singleFlight shares a failure among concurrent callers and tries again for the next", async () => {
  const failure = new Error("first");
  let runs = 0;
  const open = singleFlight(async () => {
    runs += 1;
    if (runs === 1) throw failure;
    return runs;
  });

  const outcomes = await Promise.allSettled([open(), open()]);

  assert.deepEqual(
    outcomes.map((outcome) => outcome.status === "rejected" && outcome.reason),
    [failure, failure],
  );
  assert.equal(await open(), 2);
});

test("singleFlight lets whoever sees the failure try again at once", async () => {
  let runs = 0;
  const open = singleFlight(async () => {
    runs += 1;
    if (runs < 3) throw new Error(`${runs}`);
    return runs;
  });

  const value = await open()
    .catch(() => open())
    .catch(() => open());

  assert.equal(value, 3);
});

test("singleFlight turns a synchronous throw into a rejection", async () => {
  const failure = new TypeError("synchronous");
  const open = singleFlight((): never => {
    throw failure;
  });

  await assert.rejects(open(), failure);
});
