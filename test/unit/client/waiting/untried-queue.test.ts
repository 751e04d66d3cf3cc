/** When refused calls that nobody ready can take fail, each on its own time. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { RefusalRecord } from "../../../../src/client/call/refusal-record.ts";
import { UntriedQueue } from "../../../../src/client/waiting/untried-queue.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { stubCall } from "../../../support/client-stubs.ts";
import { type FakeClock, useFakeClock } from "../../../support/use-fake-clock.ts";

const LIMIT_MS = 1_000;

/** A queue whose members the test plays. */
function useUntried(clock: FakeClock) {
  const world = { connecting: true, ready: false, replacing: false, asked: 0 };
  const deadlines = new DeadlineQueue(clock);
  const failed: string[] = [];
  const queue = new UntriedQueue(
    {
      timeoutMs: LIMIT_MS,
      members: {
        members: [],
        ready: { waiter: undefined } as never,
        quorumMet: true,
        get: () => undefined,
        whyNone: () => [],
        evict() {},
      },
      placement: {
        untried: (_call, among) => {
          world.asked += 1;
          return world.ready || (among === "all" && world.connecting);
        },
      },
      supply: {
        get replacementDue() {
          return world.replacing;
        },
        lastStartError: undefined,
      },
    },
    deadlines,
  );
  return {
    queue,
    world,
    deadlines,
    failed,
    add(name: string, { priority = 0, refuser = "refuser" } = {}) {
      const refusals = new RefusalRecord();
      refusals.add(refuser, { code: NackCode.FULL, reason: "", retryAfterMs: 0, version: "" });
      const call = Object.assign(stubCall(name, { priority }), { refusals, fail: () => failed.push(name) });
      queue.add(call);
      return call;
    },
  };
}

test("UntriedQueue fails each call when its own time is over, in order", async () => {
  using clock = useFakeClock();
  const { queue, failed, add } = useUntried(clock);
  add("first");
  await clock.advance(300);
  add("second");

  await clock.advance(699);
  assert.deepEqual(failed, []);
  await clock.advance(1);
  assert.deepEqual(failed, ["first"]);
  await clock.advance(299);
  assert.deepEqual(failed, ["first"]);
  await clock.advance(1);

  assert.deepEqual(failed, ["first", "second"]);
  assert.equal(queue.size, 0);
  assert.equal(clock.timerCount, 0);
});

test("UntriedQueue has a deadline for each call, so that one that expires has no other looked at", async () => {
  using clock = useFakeClock();
  const { queue, world, deadlines, failed, add } = useUntried(clock);
  const calls = [];
  for (let at = 0; at < 100; at++) {
    calls.push(add(String(at)));
    await clock.advance(1);
  }
  world.asked = 0;
  assert.equal(deadlines.size, 100);

  for (const call of calls.slice(50)) queue.delete(call);
  assert.equal(deadlines.size, 50);
  await clock.advance(LIMIT_MS - 100 + 10);
  assert.deepEqual([failed.length, queue.size, deadlines.size], [11, 39, 39]);
  await clock.advance(LIMIT_MS);

  assert.deepEqual([failed.length, queue.size, deadlines.size, world.asked], [50, 0, 0, 0]);
});

test("UntriedQueue lets the time of a call rest while somebody is ready for it, and begins anew after that", async () => {
  using clock = useFakeClock();
  const { queue, world, deadlines, failed, add } = useUntried(clock);
  add("a");

  await clock.advance(900);
  world.ready = true;
  queue.drain(() => false);
  await clock.advance(10_000);
  assert.deepEqual([failed, deadlines.size], [[], 0]);
  world.ready = false;
  queue.drain(() => false);
  await clock.advance(999);
  queue.drain(() => false); // changes nothing
  assert.deepEqual(failed, []);
  await clock.advance(1);

  assert.deepEqual(failed, ["a"]);
});

test("UntriedQueue goes on with the time of a call that is offered to others in between", async () => {
  using clock = useFakeClock();
  const { queue, world, deadlines, failed, add } = useUntried(clock);
  const call = add("a");
  await clock.advance(900);
  queue.delete(call);
  assert.equal(deadlines.size, 0);

  assert.equal(queue.addUnnamed(call), false); // nobody replaces whoever has refused it
  world.replacing = true;
  call.refusals.awaitsReplacement = true;
  assert.equal(queue.addUnnamed(call), true);
  await clock.advance(100);

  assert.deepEqual(failed, ["a"]);
});

test("UntriedQueue asks for one call of each kind, however many wait, and of the next once that has left", () => {
  using clock = useFakeClock();
  const { queue, world, add } = useUntried(clock);
  world.ready = true;
  for (let at = 0; at < 1_000; at++) add(String(at));
  add("urgent", { priority: 1 });
  const other = add("other", { refuser: "another one" });
  world.asked = 0;
  const offered: string[] = [];
  let room = 2;
  queue.drain((call, lane) => {
    offered.push((call as unknown as typeof other).name);
    if (room === 0) return false;
    room -= 1;
    lane.take(call);
    queue.delete(call);
    return true;
  });

  assert.deepEqual(offered, ["urgent", "0", "1", "other"]);
  assert.equal(queue.size, 1_000);
  assert.equal(queue.oldest?.arrival, other.arrival - 1_000);
  assert.ok(world.asked <= 4, `${world.asked} times`);
});
