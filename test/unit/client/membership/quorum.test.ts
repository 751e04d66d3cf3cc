/** When the first call may go out. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Quorum } from "../../../../src/client/membership/quorum.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

const READY = { ready: true, draining: false, untried: false };
const DRAINING = { ready: true, draining: true, untried: false };
const CONNECTING = { ready: false, draining: false, untried: true };
const UNREACHABLE = { ready: false, draining: false, untried: false };

test("a quorum is met by members that are ready, and not by draining ones, which take no calls", () => {
  using clock = useFakeClock();
  const quorum = new Quorum({ quorum: 2 }, assert.fail, new DeadlineQueue(clock));
  quorum.begin();

  for (const [members, met] of [
    [[], false],
    [[READY], false],
    [[READY, DRAINING, DRAINING], false],
    [[READY, CONNECTING, UNREACHABLE], false],
    [[READY, READY], true],
    [[READY, DRAINING, READY, CONNECTING], true],
  ] as const) {
    assert.equal(quorum.isMet(members), met, JSON.stringify(members));
  }
  assert.equal(clock.timersSet, 0);
});

test("a quorum for nested calls waits for first attempts that are under way, for a time, and for nothing else", async () => {
  using clock = useFakeClock();
  const told: string[] = [];
  const options = { quorum: 1, firstAttemptsMs: 500 };
  const quorum = new Quorum(options, () => told.push("time"), new DeadlineQueue(clock));
  const before = quorum.isMet([READY]); // nobody has been tried

  quorum.begin();
  quorum.begin();
  const during = [[READY, CONNECTING], [READY], [READY, UNREACHABLE], [UNREACHABLE]].map((members) =>
    quorum.isMet(members),
  );
  await clock.advance(499);
  const late = quorum.isMet([READY, CONNECTING]);
  await clock.advance(1);

  assert.equal(before, false);
  assert.deepEqual(during, [false, true, true, false]);
  assert.deepEqual([late, told, quorum.isMet([READY, CONNECTING])], [false, ["time"], true]);
  assert.equal(clock.timerCount, 0);
});

test("a quorum for nested calls counts a draining member, which takes them rather than nobody", async () => {
  using clock = useFakeClock();
  const options = { quorum: 1, firstAttemptsMs: 500 };
  const deadlines = new DeadlineQueue(clock);
  const quorum = new Quorum(options, () => {}, deadlines);
  quorum.begin();

  assert.equal(quorum.isMet([DRAINING]), true);
  assert.equal(quorum.isMet([DRAINING, CONNECTING]), false);
  quorum.close();
  assert.equal(deadlines.size, 0);
});
