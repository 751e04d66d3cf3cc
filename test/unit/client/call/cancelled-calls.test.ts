import assert from "node:assert/strict";
import { test } from "node:test";
import { type CancelledCall, CancelledCalls } from "../../../../src/client/call/cancelled-calls.ts";
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
    doubts: 0,
    believed() {
      member.doubts -= 1;
    },
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
  watch: CancelledCalls;
  reports: string[];
} {
  const reports: string[] = [];
  const watch = new CancelledCalls({
    killGraceMs: 5,
    active: { firstWaiting: () => firstWaiting, occupies: () => occupied },
    supply: {
      unresponsive: (_member, { culprit, certain }) =>
        reports.push(`unresponsive ${culprit}${certain ? "" : "?"}`),
    },
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

test("CancelledCalls asks once for all cancellations of a turn", () => {
  const fake = fakeMember();
  const { watch } = startWatch();
  const calls = [call(1), call(2), call(3)];

  for (const cancelled of calls) watch.add(cancelled, fake.member);

  assert.equal(fake.pings, 1);
  for (const cancelled of calls) cancelled.probe?.ended(cancelled);
});

test("CancelledCalls keeps no deadline and no question once its calls have ended", () => {
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

test("CancelledCalls doubts a member until it has answered, or its calls have ended", () => {
  const fake = fakeMember();
  const { watch } = startWatch();
  const [first, second] = [call(1), call(2)];

  watch.add(first, fake.member);
  const asked = fake.member.doubts;
  fake.answer();
  const answered = fake.member.doubts;
  first.probe?.ended(first);
  const ended = fake.member.doubts;
  watch.add(second, fake.member);
  second.probe?.ended(second);

  assert.deepEqual([asked, answered, ended, fake.member.doubts], [1, 0, 0, 0]);
});

test("CancelledCalls counts the calls that go on although the worker answers", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch();
  const calls = [call(1, "running"), call(2, "running"), call(3, "running")];
  for (const cancelled of calls) watch.add(cancelled, fake.member);

  fake.answer();
  for (const ended of calls.slice(2)) ended.probe?.ended(ended);
  await eventually(() => reports.length > 0);

  assert.deepEqual(reports, ["abandoned 2"]);
});

test("CancelledCalls names the running call when the worker does not answer", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch();
  const calls = [call(1), call(7, "running")];
  for (const cancelled of calls) watch.add(cancelled, fake.member);

  await eventually(() => reports.length > 0);

  assert.equal(reports[0], "unresponsive r7");
  for (const cancelled of calls) cancelled.probe?.ended(cancelled);
});

test("CancelledCalls tells again while the worker does not answer, and asks no second time", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch();
  const before = deadlines.size;
  const waiting = call(1);
  watch.add(waiting, fake.member);

  await eventually(() => reports.length >= 3);
  const told = new Set(reports);
  fake.answer();
  await eventually(() => waiting.probe === undefined);

  assert.deepEqual([...told], ["unresponsive r1?"]);
  assert.equal(reports.at(-1), "abandoned 1");
  assert.equal(fake.pings, 1);
  assert.equal(deadlines.size, before);
});

test("CancelledCalls blames no call that waits behind one that was not cancelled", async () => {
  const { member } = fakeMember();
  const { watch, reports } = startWatch(4);
  const later = startWatch();
  const [behind, first] = [call(5), call(5)];
  watch.add(behind, member);
  later.watch.add(first, member);

  await eventually(() => later.reports.length >= 2); // by then the other has been judged as well

  assert.deepEqual(reports, []);
  assert.equal(later.reports[0], "unresponsive r5?");
  for (const cancelled of [behind, first]) cancelled.probe?.ended(cancelled);
});

test("CancelledCalls blames no call that has suspended while another one is known to have the thread", async () => {
  const { member } = fakeMember();
  const { watch, reports } = startWatch(Number.POSITIVE_INFINITY, true);
  const alone = startWatch();
  const [suspended, blamed] = [call(1, "running", false), call(1, "running", false)];
  watch.add(suspended, member);
  alone.watch.add(blamed, member);

  await eventually(() => alone.reports.length >= 2);

  assert.deepEqual(reports, []);
  assert.equal(alone.reports[0], "unresponsive r1?");
  for (const cancelled of [suspended, blamed]) cancelled.probe?.ended(cancelled);
});

test("CancelledCalls blames the cancelled call that is known to have the thread", async () => {
  const fake = fakeMember();
  const { watch, reports } = startWatch(Number.POSITIVE_INFINITY, true);
  const calls = [call(1, "running", false), call(2, "running", true)];
  for (const cancelled of calls) watch.add(cancelled, fake.member);

  await eventually(() => reports.length > 0);

  assert.equal(reports[0], "unresponsive r2");
  for (const cancelled of calls) cancelled.probe?.ended(cancelled);
});
