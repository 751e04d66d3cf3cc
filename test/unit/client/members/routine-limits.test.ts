import assert from "node:assert/strict";
import { test } from "node:test";
import { RoutineLimit, RoutineLimits } from "../../../../src/client/members/routine-limits.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { declaredRoutine } from "../../../support/declared-routine.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

test("RoutineLimit lets as many calls go to a worker as the routine says, to each worker", () => {
  const limit = new RoutineLimit("a#b", 2);
  const [one, other] = [{}, {}];

  limit.took(one);
  assert.equal(limit.hasRoom(one), true);
  limit.took(one);
  assert.deepEqual([limit.hasRoom(one), limit.hasRoom(other)], [false, true]);
  limit.left(one);
  assert.equal(limit.hasRoom(one), true);
});

test("RoutineLimit asks a worker that refuses again after a pause that grows, for one call", async () => {
  using clock = useFakeClock();
  const limit = new RoutineLimit("a#b", Number.POSITIVE_INFINITY, new DeadlineQueue(clock));
  const worker = {};
  let reopened = 0;
  const refuse = (): void => {
    limit.took(worker);
    limit.left(worker);
    limit.refused(worker, 3, 10, () => {
      reopened += 1;
    });
  };

  const pauses: number[] = [];
  for (let round = 0; round < 7; round++) {
    refuse();
    assert.equal(limit.hasRoom(worker), false);
    const before = reopened;
    let waited = 0;
    for (; reopened === before; waited += 5) await clock.advance(5);
    pauses.push(waited);
    assert.equal(limit.hasRoom(worker), true);
  }

  assert.deepEqual(pauses, [10, 20, 40, 80, 160, 250, 250]);
});

test("RoutineLimit sends a worker that accepts again one more at a time, up to its limit", async () => {
  using clock = useFakeClock();
  const limit = new RoutineLimit("a#b", 2, new DeadlineQueue(clock));
  const worker = {};
  limit.took(worker);
  limit.left(worker);
  limit.refused(worker, 2, 10, () => {});
  await clock.advance(10);

  limit.took(worker);
  assert.equal(limit.hasRoom(worker), false);
  limit.accepted(worker);
  assert.equal(limit.hasRoom(worker), true);
  limit.took(worker);
  limit.accepted(worker);
  assert.equal(limit.hasRoom(worker), false);
});

test("RoutineLimits knows of a limit by the routine itself, or once a worker has told of it", () => {
  const limits = new RoutineLimits();
  const plain = declaredRoutine("a#plain");
  assert.equal(limits.of(plain), undefined);

  const limited = { ...plain, limit: 3 };
  assert.equal(limits.of(limited)?.most, 3);
  assert.equal(limits.of(limited), limits.of(limited));
  const learned = limits.learn(plain);
  assert.equal(limits.of(plain), learned);
  assert.equal(learned.most, Number.POSITIVE_INFINITY);
});
