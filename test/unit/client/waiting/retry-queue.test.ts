import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Call } from "../../../../src/client/call/call.ts";
import { RetryQueue } from "../../../../src/client/waiting/retry-queue.ts";
import { leaveQueue } from "../../../../src/internal/queue/priority-queue.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

function useRetries({ inFlight = 0, queue }: { inFlight?: number; queue?: DeadlineQueue } = {}) {
  const offered: string[] = [];
  /** How many were offered at a time. */
  const batches: number[] = [];
  let batch = 0;
  const retries = new RetryQueue(
    {
      members: { members: [Object.assign(stubMember("a"), { inFlight })] },
      placement: { place: () => "wait" },
      waiting: {
        keep() {},
        watchMembers() {},
        offer(call) {
          offered.push(call.routine);
          if (batch++ > 0) return;
          queueMicrotask(() => {
            batches.push(batch);
            batch = 0;
          });
        },
      },
    },
    queue,
  );
  return { retries, offered, batches };
}

/** Calls that are refused again each time, the last of those offered together first. */
function useRefusing() {
  const clock = { due: undefined as (() => void) | undefined };
  const offered: string[] = [];
  const back: Call[] = [];
  const retries: RetryQueue = new RetryQueue(
    {
      members: { members: [] },
      placement: { place: () => "wait" },
      waiting: {
        keep() {},
        watchMembers() {},
        offer(call) {
          offered.push(call.routine);
          back.unshift(call);
        },
      },
    },
    // It asks for nothing else of one.
    {
      now: () => 0,
      cancel() {},
      add: (_atMs: number, run: () => void) => {
        clock.due = run;
        return {};
      },
    } as unknown as DeadlineQueue,
  );
  return {
    retries,
    offered,
    /** The pause is over. */
    offer() {
      clock.due?.();
      for (const call of back.splice(0)) retries.add(call, 1);
    },
  };
}

describe("RetryQueue", () => {
  test("offers every call once, in order, a few at a time", async () => {
    const { retries, offered, batches } = useRetries();
    const names = Array.from({ length: 40 }, (_, n) => `${n}`);
    for (const name of names) retries.add(stubCall(name), 1);

    await eventually(() => offered.length === names.length);

    assert.deepEqual(offered, names);
    assert.deepEqual(batches, [16, 16, 8]);
    assert.equal(retries.size, 0);
  });

  test("offers more at a time where more may have ended meanwhile", async () => {
    const { retries, offered, batches } = useRetries({ inFlight: 20 });
    for (let n = 0; n < 50; n++) retries.add(stubCall(`${n}`), 1);

    await eventually(() => offered.length === 50);

    assert.deepEqual(batches, [40, 10]);
  });

  test("offers the oldest first, in whatever order they were refused, and each once before any a second time", () => {
    const { retries, offered, offer } = useRefusing();
    const calls = Array.from({ length: 40 }, (_, n) => stubCall(`${n}`));
    for (const call of [...calls].reverse()) retries.add(call, 1);

    for (let batch = 0; batch < 5; batch++) offer();

    const names = calls.map(({ name }) => name);
    assert.deepEqual(offered, [...names, ...names]);
  });

  test("takes no worker at its word that wishes for a long pause", async () => {
    using clock = useFakeClock();
    const { retries, offered } = useRetries({ queue: new DeadlineQueue(clock) });

    retries.add(stubCall("a"), Number.MAX_SAFE_INTEGER);
    await clock.advance(1_000);

    assert.deepEqual(offered, ["a"]);
  });

  test("offers at once what wishes for a short pause, though another has wished for a longer one", async () => {
    using clock = useFakeClock();
    const { retries, offered } = useRetries({ queue: new DeadlineQueue(clock) });
    retries.add(stubCall("patient"), 1_000);

    retries.add(stubCall("hasty"), 1);
    await clock.advance(1);

    assert.deepEqual(offered, ["patient", "hasty"]);
  });

  test("lets go of a call that is taken out of its queue, and does not offer one that has settled", async () => {
    const { retries, offered } = useRetries();
    const [gone, settled, kept] = ["gone", "settled", "kept"].map((name) => stubCall(name));
    assert.ok(gone !== undefined && settled !== undefined && kept !== undefined);
    for (const call of [gone, settled, kept]) retries.add(call, 1);

    leaveQueue(gone);
    Object.assign(settled, { settled: true });
    assert.equal(retries.size, 2);

    await eventually(() => offered.length > 0);
    assert.deepEqual(offered, ["kept"]);
    assert.equal(retries.size, 0);
  });
});
