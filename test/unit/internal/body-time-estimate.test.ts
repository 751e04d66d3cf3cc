/** Estimates of body time: quick to rise, slow to fall, one for each routine. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { BodyTimeEstimate, BodyTimeEstimates } from "../../../src/internal/body-time-estimate.ts";

test("BodyTimeEstimate knows nothing, then takes the first sample as it is", () => {
  const estimate = new BodyTimeEstimate();
  const before = estimate.us;

  estimate.add(40);

  assert.deepEqual([before, estimate.us], [undefined, 40]);
});

test("BodyTimeEstimate rises at once and falls by a tenth of the difference", () => {
  const estimate = new BodyTimeEstimate();
  estimate.add(100);

  estimate.add(1_000);
  const raised = estimate.us;
  estimate.add(0);

  assert.deepEqual([raised, estimate.us], [1_000, 900]);
});

test("BodyTimeEstimates gives each routine one estimate of its own", () => {
  const bodyTimes = new BodyTimeEstimates();
  const add = { name: "add" };

  bodyTimes.of(add).add(5);

  assert.equal(bodyTimes.of(add).us, 5);
  assert.equal(bodyTimes.of({ name: "add" }).us, undefined);
});
