import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { RefusalRecord } from "../../../../src/client/call/refusal-record.ts";
import type { Member } from "../../../../src/client/members/member.ts";
import { ReadyMembers } from "../../../../src/client/members/ready-members.ts";
import { ResourceClaims } from "../../../../src/client/members/resource-claims.ts";
import { RoutineLimit } from "../../../../src/client/members/routine-limits.ts";
import { WaitingCalls } from "../../../../src/client/waiting/waiting-calls.ts";
import { NoWorkersAvailableError } from "../../../../src/errors/no-workers-available-error.ts";
import { RoutineNotFoundError } from "../../../../src/errors/routine-not-found-error.ts";
import { deadlines } from "../../../../src/internal/time/deadline-queue.ts";
import { NackCode, refusalName } from "../../../../src/wire/messages/nack-code.ts";
import { type CallWish, stubCall, stubMember } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";

/** Waiting calls whose members the test plays. */
function useWaiting(timeoutMs = 60_000) {
  const ready = new ReadyMembers<Member>();
  const members = new Map(
    [stubMember("a", ready), stubMember("b", ready)].map((member) => [member.uid, member]),
  );
  const world = {
    takes: 0,
    /** Whether large calls are taken as well. */
    takesLarge: true,
    /** Whether those with a limit are. */
    takesLimited: true,
    /** The answer to calls that nobody takes. */
    verdict: "wait" as "wait" | "none",
    anyTaker: true,
    memberDue: true,
    untried: true,
    untriedReady: true,
    /** How often it was asked for a place. */
    asked: 0,
  };
  const placed: string[] = [];
  const failed: string[] = [];
  const waiting = new WaitingCalls({
    timeoutMs,
    members: {
      members: [],
      ready,
      quorumMet: true,
      get: (uid) => members.get(uid),
      whyNone: () => [],
      evict() {},
    },
    placement: {
      get anyTaker(): boolean {
        return world.anyTaker;
      },
      fitting: () => [],
      claims: new ResourceClaims(),
      untried: (_call, among) => world.untried && (among === "all" || world.untriedReady),
      place: (call) => {
        world.asked += 1;
        if (world.takes === 0 || (call.large && !world.takesLarge)) return world.verdict;
        if (call.limit !== undefined && !world.takesLimited) return "wait";
        world.takes -= 1;
        placed.push(call.routine);
        return "sent";
      },
    },
    supply: {
      get memberDue(): boolean {
        return world.memberDue;
      },
      get replacementDue(): boolean {
        return world.memberDue;
      },
      lastStartError: undefined,
    },
  });
  const a = members.get("a") ?? assert.fail();
  return {
    waiting,
    world,
    members,
    a,
    placed,
    /** The calls that have failed for want of a worker, in order. */
    failed,
    call(name: string, wish?: CallWish) {
      return Object.assign(stubCall(name, wish), {
        fail(error: unknown) {
          assert.ok(error instanceof NoWorkersAvailableError || error instanceof RoutineNotFoundError);
          failed.push(name);
        },
      });
    },
  };
}

/** Marks a call as refused, by one worker after the other. */
function refused<C extends ReturnType<typeof stubCall>>(call: C, ...codes: readonly number[]): C {
  const refusals = new RefusalRecord();
  for (const [at, code] of codes.entries())
    refusals.add(`refuser ${at}`, { code, reason: "", retryAfterMs: 0, version: "" });
  return Object.assign(call, { refusals });
}

describe("WaitingCalls", () => {
  test("hands calls out first come, first served, and no more than are taken", () => {
    const { waiting, world, placed } = useWaiting();
    for (const name of ["1", "2", "3"]) waiting.add(stubCall(name));

    world.takes = 2;
    waiting.drain();

    assert.deepEqual(placed, ["1", "2"]);
    assert.equal(waiting.size, 1);
    assert.equal(waiting.precede(stubCall("4")), true);
    assert.equal(waiting.precede(stubCall("5", { nested: true })), false);
  });

  test("lets small calls go past large ones that find no room, in one order with them where they do", () => {
    const { waiting, world, placed } = useWaiting();
    for (const name of ["1", "2"]) waiting.add(stubCall(name, { large: true }));
    const behind = [waiting.precede(stubCall("", { large: true })), waiting.precede(stubCall(""))];
    waiting.add(stubCall("3"));

    Object.assign(world, { takes: 9, takesLarge: false });
    waiting.drain();
    const during = [...placed];
    world.takes = 0;
    waiting.add(stubCall("4", { large: true }));
    waiting.add(stubCall("5"));
    Object.assign(world, { takes: 9, takesLarge: true });
    waiting.drain();

    assert.deepEqual(behind, [true, false]);
    assert.deepEqual(during, ["3"]);
    assert.deepEqual([...placed].sort(), ["1", "2", "3", "4", "5"]);
    assert.deepEqual(
      placed.filter((name) => name !== "5"),
      ["3", "1", "2", "4"],
    );
  });

  test("drains the calls of a limit whatever is known of its room, and lets the others past them", () => {
    const { waiting, world, placed, a } = useWaiting();
    const limit = new RoutineLimit("limited", 1);
    const limited = Object.assign(stubCall("limited"), { limit });
    const next = Object.assign(stubCall("next"), { limit });
    limit.took(a);
    waiting.add(limited);
    assert.deepEqual([waiting.precede(next), waiting.precede(stubCall("plain"))], [true, false]);
    assert.deepEqual([waiting.inLine(limit), waiting.inLine(undefined)], [true, false]);
    assert.deepEqual(waiting.limited, [{ routine: "limited", limit: 1, waiting: 1 }]);
    waiting.add(stubCall("plain"));

    Object.assign(world, { takes: 9, takesLimited: false });
    waiting.drain();
    assert.deepEqual(placed, ["plain"]);
    world.takesLimited = true;
    waiting.drain();

    assert.deepEqual(placed, ["plain", "limited"]);
  });

  test("fails calls that wait for a limit in time when nobody is left who takes any", async () => {
    const { waiting, world, failed, call, members } = useWaiting(20);
    const limit = new RoutineLimit("limited", 1);
    for (const member of members.values()) limit.took(member);
    waiting.add(Object.assign(call("limited"), { limit }));

    world.anyTaker = false;
    for (const member of members.values()) member.draining = true;
    waiting.drain();

    await eventually(() => failed.length > 0);
    assert.deepEqual(failed, ["limited"]);
  });

  test("looks again when a call is withdrawn: the next one may ask for less", async () => {
    const { waiting, world, placed } = useWaiting();
    const first = stubCall("first", { large: true });
    waiting.add(first);
    waiting.add(stubCall("second", { large: true }));
    world.takes = 1; // no member has told of it

    waiting.withdraw(first);

    await eventually(() => placed.length > 0);
    assert.deepEqual(placed, ["second"]);
  });

  test("lets nested calls go past root calls, and one that comes back go before those that came after it", async () => {
    const { waiting, world, placed } = useWaiting();
    const [back, root] = [stubCall("back"), stubCall("root")];
    waiting.add(root);
    waiting.add(stubCall("nested", { nested: true }));
    waiting.restore(back);

    world.takes = 3;

    await eventually(() => placed.length === 3);
    assert.deepEqual(placed, ["nested", "back", "root"]);
  });

  test("forgets a call that is withdrawn, and skips one that has settled", () => {
    const { waiting, world, placed } = useWaiting();
    const [gone, settled, kept] = ["gone", "settled", "kept"].map((name) => stubCall(name));
    assert.ok(gone !== undefined && settled !== undefined && kept !== undefined);
    for (const call of [gone, settled, kept]) waiting.add(call);

    waiting.withdraw(gone);
    waiting.withdraw(gone);
    Object.assign(settled, { settled: true });
    world.takes = 5;
    waiting.drain();

    assert.deepEqual(placed, ["kept"]);
    assert.equal(waiting.size, 0);
  });

  test("lets others past a call that waits for one member, until that has room", () => {
    const { waiting, world, members, a, placed } = useWaiting();
    a.free = false;
    waiting.keep(stubCall("bound 1"), a);
    waiting.keep(stubCall("bound 2"), a);
    waiting.add(stubCall("other"));

    world.takes = 5;
    waiting.drain();
    assert.deepEqual(placed, ["other"]);
    a.free = true;
    waiting.drain(members.get("b"));
    assert.deepEqual(placed, ["other"]);
    waiting.drain(a);

    assert.deepEqual(placed, ["other", "bound 1", "bound 2"]);
    assert.equal(waiting.size, 0);
  });

  test("finds another place for calls that wait for a member that has gone, or drains", () => {
    const { waiting, world, members, a, placed } = useWaiting();
    const b = members.get("b") ?? assert.fail();
    a.free = false;
    b.free = false;
    waiting.keep(stubCall("for a"), a);
    waiting.keep(stubCall("for b"), b);

    members.delete("a");
    world.takes = 1;
    waiting.drain();
    assert.deepEqual(placed, ["for a"]);
    b.draining = true;
    waiting.drain(b);

    // Nobody takes it: it waits with the others, who are served first come, first served.
    assert.deepEqual(placed, ["for a"]);
    assert.equal(waiting.precede(stubCall("next")), true);
    world.takes = 1;
    waiting.drain();
    assert.deepEqual(placed, ["for a", "for b"]);
  });

  test("withdraws a call that waits for one member", () => {
    const { waiting, world, a, placed } = useWaiting();
    a.free = false;
    const call = stubCall("bound");
    waiting.keep(call, a);

    waiting.withdraw(call);
    a.free = true;
    world.takes = 1;
    waiting.drain();

    assert.equal(waiting.size, 0);
    assert.deepEqual(placed, []);
  });

  test("fails all who wait for members together, those too that came later", async () => {
    const { waiting, world, failed, call } = useWaiting(40);
    world.anyTaker = false;
    waiting.add(call("1"));
    waiting.add(call("2", { nested: true }));
    setImmediate(() => waiting.add(call("3")));

    await eventually(() => failed.length > 0);

    assert.deepEqual(failed, ["2", "1", "3"]);
    assert.equal(waiting.size, 0);
  });

  test("fails at once those for whom nobody can come any more", async () => {
    const { waiting, world, failed, call } = useWaiting();
    world.anyTaker = false;
    waiting.add(call("1"));

    world.memberDue = false;
    waiting.drain();

    await eventually(() => failed.length > 0);
    assert.deepEqual(failed, ["1"]);
  });

  test("gives a refused call up when nobody is left who has not refused it", () => {
    const { waiting, world, failed, placed, call } = useWaiting();
    waiting.keep(refused(call("1"), NackCode.UNKNOWN_ROUTINE), "wait");
    waiting.keep(refused(call("2"), NackCode.UNKNOWN_ROUTINE), "wait");

    waiting.drain();
    assert.deepEqual(failed, []);
    world.takes = 1;
    world.untried = false;
    waiting.drain();

    assert.deepEqual(placed, ["1"]);
    assert.deepEqual(failed, ["2"]);
    assert.equal(waiting.size, 0);
  });

  test("asks for one place alone where many calls wait that the same worker has refused, by priority and age", () => {
    const { waiting, world, placed, call } = useWaiting();
    for (let at = 0; at < 500; at++)
      waiting.keep(refused(call(String(at)), NackCode.UNKNOWN_ROUTINE), "wait");
    waiting.keep(refused(call("urgent", { priority: 1 }), NackCode.UNKNOWN_ROUTINE), "wait");

    waiting.drain();
    assert.equal(world.asked, 1);
    world.takes = 2;
    waiting.drain();

    assert.deepEqual([world.asked, placed], [4, ["urgent", "0"]]);
  });

  test("gives a refused call up in time when those that are left do not become ready", async () => {
    const { waiting, world, failed, call } = useWaiting(20);
    world.untriedReady = false;

    waiting.keep(refused(call("1"), NackCode.UNKNOWN_ROUTINE), "wait");

    await eventually(() => failed.length > 0);
    assert.deepEqual(failed, ["1"]);
    assert.equal(waiting.size, 0);
  });

  for (const codes of [
    [NackCode.DRAINING],
    [NackCode.DRAINING, NackCode.UNKNOWN_ROUTINE],
    [NackCode.UNKNOWN_ROUTINE, NackCode.DRAINING],
  ]) {
    for (const nested of [false, true]) {
      for (const verdict of ["wait", "none"] as const) {
        const answers = codes.map(refusalName).join(", ");
        test(`keeps a ${nested ? "nested" : "root"} call refused (${answers}) for the next worker when placing says ${verdict}`, () => {
          const { waiting, world, failed, placed, call } = useWaiting();
          world.untried = false;

          waiting.keep(refused(call("1", { nested }), ...codes), verdict);
          waiting.drain();

          assert.deepEqual(failed, []);
          world.takes = 1;
          waiting.drain();
          assert.deepEqual(placed, ["1"]);
          assert.equal(waiting.size, 0);
        });
      }
    }
  }

  test("fails a call refused by a worker that drains at once when no other can come", () => {
    const { waiting, world, failed, call } = useWaiting();
    world.untried = false;
    waiting.keep(refused(call("1"), NackCode.DRAINING), "wait");

    world.memberDue = false;
    waiting.drain();

    assert.deepEqual(failed, ["1"]);
  });

  test("counts the wait for the next worker from when the last one that was ready has gone", async () => {
    const { waiting, world, failed, call } = useWaiting(60);
    const one = refused(call("1"), NackCode.DRAINING);
    waiting.keep(one, "wait");
    await pause(120); // it waits for room on a member that is ready, however long that takes
    waiting.drain();
    assert.deepEqual(failed, []);

    world.untried = false;
    const leftMs = deadlines.now();
    waiting.drain();

    await eventually(() => failed.length > 0);
    assert.ok(deadlines.now() - leftMs >= 60, `given up after ${deadlines.now() - leftMs} ms`);
  });

  test("gives a call up in time to which its balancer names nobody, however often it is asked", async () => {
    const { waiting, world, failed, call } = useWaiting(60);
    const one = refused(call("1"), NackCode.DRAINING);
    waiting.keep(one, "none");
    world.verdict = "none";

    await eventually(() => {
      waiting.drain();
      return failed.length > 0;
    });

    assert.equal(waiting.size, 0);
  });

  test("holds nobody up with a call that a worker has refused, when the member it was bound to has gone", () => {
    const { waiting, world, members, a, placed, call } = useWaiting();
    a.free = false;
    waiting.keep(refused(call("refused"), NackCode.UNKNOWN_ROUTINE), a);
    members.delete("a");

    waiting.drain();

    assert.equal(waiting.precede(stubCall("next")), false);
    waiting.restore(refused(call("lost"), NackCode.UNKNOWN_ROUTINE));
    assert.equal(waiting.precede(stubCall("next")), false);
    world.takes = 2;
    waiting.drain();
    assert.deepEqual(placed, ["refused", "lost"]);
  });
});
