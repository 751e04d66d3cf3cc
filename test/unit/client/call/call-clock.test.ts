import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { CallClock, type CallLimits } from "../../../../src/client/call/call-clock.ts";
import { deadlines } from "../../../../src/internal/time/deadline-queue.ts";
import { eventually } from "../../../support/eventually.ts";

function useClock(limits: Partial<CallLimits>) {
  const expired: string[] = [];
  const before = deadlines.size;
  const clock = new CallClock(
    { expired: (limitMs, option) => expired.push(`${option} ${Math.round(limitMs)}`) },
    { timeoutMs: undefined, inheritedMs: undefined, dispatchTimeoutMs: undefined, ...limits },
  );
  return { clock, expired, pending: () => deadlines.size - before, [Symbol.dispose]: () => clock.stop() };
}

describe("CallClock", () => {
  test("ends a call for its own timeout, as it was given", async () => {
    using t = useClock({ timeoutMs: 5, dispatchTimeoutMs: 60_000 });

    await eventually(() => t.expired.length > 0);

    assert.deepEqual(t.expired, ["timeout 5"]);
  });

  test("keeps to the calling task's budget where that ends first", () => {
    using t = useClock({ timeoutMs: 60_000, inheritedMs: deadlines.now() + 1_000 });
    using own = useClock({ timeoutMs: 500, inheritedMs: deadlines.now() + 1_000 });

    assert.ok(t.clock.remainingUs > 0 && t.clock.remainingUs <= 1_000_000);
    assert.ok(own.clock.remainingUs <= 500_000);
  });

  test("sets no limit for an infinite timeout, and keeps to the calling task's budget all the same", () => {
    using none = useClock({ timeoutMs: Number.POSITIVE_INFINITY });
    using nested = useClock({ timeoutMs: Number.POSITIVE_INFINITY, inheritedMs: deadlines.now() + 1_000 });

    assert.equal(none.clock.remainingUs, 0);
    assert.equal(none.clock.late(), false);
    assert.ok(nested.clock.remainingUs > 0 && nested.clock.remainingUs <= 1_000_000);
  });

  test("says 0 for no budget, and at least 1 for one that is over", () => {
    using none = useClock({ dispatchTimeoutMs: 60_000 });
    using over = useClock({ inheritedMs: deadlines.now() - 5 });

    assert.equal(none.clock.remainingUs, 0);
    assert.equal(over.clock.remainingUs, 1);
  });

  test("limits the search for a worker until one has accepted", async () => {
    using slow = useClock({ dispatchTimeoutMs: 5 });
    using quick = useClock({ dispatchTimeoutMs: 5 });
    quick.clock.accepted();

    await eventually(() => slow.expired.length > 0);

    assert.deepEqual(slow.expired, ["dispatchTimeout 5"]);
    assert.deepEqual(quick.expired, []);
  });

  test("notices by itself that the budget has run out, and only then", () => {
    using over = useClock({ inheritedMs: deadlines.now() - 5 });
    using running = useClock({ timeoutMs: 60_000 });

    assert.equal(over.clock.late(), true);
    assert.deepEqual(over.expired, ["timeout 0"]);
    assert.equal(running.clock.late(), false);
  });

  test("leaves no deadline behind once it is stopped", () => {
    const t = useClock({ timeoutMs: 60_000, dispatchTimeoutMs: 60_000 });
    assert.equal(t.pending(), 2);

    t.clock.stop();
    t.clock.stop();

    assert.equal(t.pending(), 0);
  });

  test("counts the time of a body from when that begins, and anew if it has begun elsewhere instead", async () => {
    using t = useClock({ runTimeoutMs: 5, dispatchTimeoutMs: 60_000 });
    assert.equal(t.pending(), 1);

    t.clock.accepted();
    t.clock.returned();
    assert.equal(t.pending(), 1); // for the next worker to accept
    t.clock.accepted();
    t.clock.accepted();
    assert.equal(t.pending(), 1);
    await eventually(() => t.expired.length > 0);

    assert.deepEqual(t.expired, ["runTimeout 5"]);
  });

  test("counts nothing for a body that begins after its call was settled", () => {
    using t = useClock({ runTimeoutMs: 60_000 });

    t.clock.stop();
    t.clock.accepted();

    assert.equal(t.pending(), 0);
  });

  test("counts from when the call came, if it was made later", async () => {
    using t = useClock({ timeoutMs: 60_000, sinceMs: deadlines.now() - 60_000 });

    await eventually(() => t.expired.length > 0);

    assert.deepEqual(t.expired, ["timeout 60000"]);
  });

  test("goes on with the time for a worker to accept where one has accepted and then refused", async () => {
    using t = useClock({ dispatchTimeoutMs: 20 });

    t.clock.accepted();
    assert.equal(t.pending(), 0);
    t.clock.returned();
    await eventually(() => t.expired.length > 0);

    assert.deepEqual(t.expired, ["dispatchTimeout 20"]);
    t.clock.stop();
    t.clock.returned();
    assert.equal(t.pending(), 0);
  });
});
