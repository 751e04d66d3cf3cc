import assert from "node:assert/strict";
import { test } from "node:test";
import { CancellationWatch, type CancelledCall } from "../../../../src/client/call/cancellation-watch.ts";
import type { Member } from "../../../../src/client/members/member.ts";
import { deadlines } from "../../../../src/internal/time/deadline-queue.ts";
import { eventually } from "../../../support/eventually.ts";

/** A member that counts pings and answers when it is told to. */
function fakeMember(): { member: Member; pings: number; answer: () => void; stopped: number } {
  const fake = {
    pings: 0,
    stopped: 0,
    answer: (): void => {},
    member: undefined as unknown as Member, // set below: it refers to the counters
  };
  const member = {
    ready: true,
    ping(onPong: () => void) {
      fake.pings += 1;
      fake.answer = onPong;
      return () => {
        fake.stopped += 1;
      };
    },
  };
  fake.member = member as unknown as Member; // what the watch uses of one
  return fake;
}

function call(stream: number, phase: CancelledCall["phase"] = "sent", occupiesThread = true): CancelledCall {
  return { stream, phase, occupiesThread, routine: `r${stream}`, probe: undefined };
}

/** A watch and what it has reported. */
function startWatch(
  firstWaiting = Number.POSITIVE_INFINITY,
  occupied = false,
): {
  watch: CancellationWatch;
  reports: string[];
} {
  const reports: string[] = [];
  const watch = new CancellationWatch({
    killGraceMs: 5,
    active: { firstWaiting: () => firstWaiting, occupies: () => occupied },
    supply: { unresponsive: (_member, culprit) => reports.push(`unresponsive ${culprit}`) },
    counts: {
      get abandoned(): number {
        return 0;
      },
      set abandoned(calls) {
        reports.push(`abandoned ${calls}`);
      },
    },
  });
  return { watch, reports };
}

test("CancellationWatch asks once for all cancellations of a turn", () => {
  const fake = fakeMember();
  const { watch } = startWatch();
  const calls = [call(1), call(2), call(3)];

  for (const cancelled of calls) watch.add(cancelled, fake.member);

  assert.equal(fake.pings, 1);
  for (const cancelled of calls) cancelled.probe?.ended(cancelled);
});

test("CancellationWatch keeps no deadline and no question once its calls have ended", () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch();
  const before = deadlines.size;
  const calls = [call(1), call(2)];
  for (const cancelled of calls) watch.add(cancelled, fake.member);

  for (const cancelled of calls) cancelled.probe?.ended(cancelled);

  assert.equal(deadlines.size, before);
  assert.equal(fake.stopped, 1);
  assert.deepEqual(reports, []);
});

test("CancellationWatch counts the calls that go on although the worker answers", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch();
  const calls = [call(1, "running"), call(2, "running"), call(3, "running")];
  for (const cancelled of calls) watch.add(cancelled, fake.member);

  fake.answer();
  for (const ended of calls.slice(2)) ended.probe?.ended(ended);
  await eventually(() => reports.length > 0);

  assert.deepEqual(reports, ["abandoned 2"]);
});

test("CancellationWatch names the running call when the worker does not answer", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch();
  watch.add(call(1), fake.member);
  watch.add(call(7, "running"), fake.member);

  await eventually(() => reports.length > 0);

  assert.deepEqual(reports, ["unresponsive r7"]);
});

test("CancellationWatch blames no call that waits behind one that was not cancelled", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch(4);
  const later = startWatch();
  watch.add(call(5), fake.member);
  await eventually(() => fake.stopped === 1);

  later.watch.add(call(5), fake.member);
  await eventually(() => later.reports.length > 0);

  assert.deepEqual(reports, []);
  assert.deepEqual(later.reports, ["unresponsive r5"]);
});

test("CancellationWatch blames no call that has suspended while another one is known to have the thread", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch(Number.POSITIVE_INFINITY, true);
  const suspended = call(1, "running", false);
  watch.add(suspended, fake.member);

  await eventually(() => suspended.probe === undefined);

  assert.deepEqual(reports, []);
});

test("CancellationWatch blames the cancelled call that is known to have the thread", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch(Number.POSITIVE_INFINITY, true);
  watch.add(call(1, "running", false), fake.member);
  watch.add(call(2, "running", true), fake.member);

  await eventually(() => reports.length > 0);

  assert.deepEqual(reports, ["unresponsive r2"]);
});
