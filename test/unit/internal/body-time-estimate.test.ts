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

test("BodyTimeEstimate counts a body that soon suspends with a part of the least that was measured", () => {
  const estimate = new BodyTimeEstimate();

  const told = [estimate.addParked(800)];
  const first = estimate.us;
  told.push(estimate.addParked(16), estimate.addParked(16));
  const second = estimate.us;
  told.push(estimate.addParked(5_016));

  assert.deepEqual([first, second, estimate.us], [50, 1, 516 / 16]);
  assert.deepEqual(told, [true, true, false, false]);
});

test("BodyTimeEstimate counts a body that suspends late with all of its time", () => {
  const estimate = new BodyTimeEstimate();

  estimate.addParked(1_001);

  assert.equal(estimate.us, 1_001);
});

test("BodyTimeEstimate falls slowly where some bodies of a routine do not suspend", () => {
  const estimate = new BodyTimeEstimate();
  estimate.addParked(16);
  estimate.add(900);

  const fallen = estimate.addParked(16);

  assert.equal(estimate.us, 900 - 0.1 * 899);
  assert.equal(fallen, false);
});

test("BodyTimeEstimates gives each routine one estimate of its own", () => {
  const bodyTimes = new BodyTimeEstimates();
  const add = { name: "add" };

  bodyTimes.of(add).add(5);

  assert.equal(bodyTimes.of(add).us, 5);
  assert.equal(bodyTimes.of({ name: "add" }).us, undefined);
});
