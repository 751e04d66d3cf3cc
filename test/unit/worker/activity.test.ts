import assert from "node:assert/strict";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import { Activity, idleMsIn, isLeaving } from "../../../src/worker/activity.ts";
import { eventually } from "../../support/eventually.ts";

test("Activity counts idle time from its construction", async () => {
  const activity = new Activity();

  await eventually(() => idleMsIn(activity.memory) > 5);

  assert.ok(idleMsIn(activity.memory) < 60_000);
});

test("Activity is not idle while busy, and begins anew when it is idle again", async () => {
  const activity = new Activity();
  await eventually(() => idleMsIn(activity.memory) > 50);

  const start = process.hrtime.bigint();
  activity.busy();
  const busy = idleMsIn(activity.memory);
  activity.idle();
  const anew = idleMsIn(activity.memory);
  const passedMs = Number(process.hrtime.bigint() - start) / 1e6;

  assert.equal(busy, 0);
  assert.ok(anew <= passedMs, `${anew} ms idle, ${passedMs} ms after it was busy`);
});

test("Activity keeps the time of a clock that other threads share", async () => {
  const activity = new Activity();
  await eventually(() => idleMsIn(activity.memory) > 20);
  // The hand of the clock, as any thread of this process reads it.
  const thread = new Worker(
    "require('node:worker_threads').parentPort.postMessage(process.hrtime.bigint())",
    {
      eval: true,
    },
  );

  const before = process.hrtime.bigint();
  const there = await new Promise<bigint>((resolve) => thread.once("message", resolve));
  const after = process.hrtime.bigint();

  assert.ok(there > before && there < after);
});

test("Activity says that the worker is leaving, whether it is busy or not", () => {
  const activity = new Activity();
  activity.busy();
  const before = isLeaving(activity.memory);

  activity.leaving();
  activity.idle();

  assert.deepEqual([before, isLeaving(activity.memory)], [false, true]);
});
