import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Call } from "../../../../src/client/call/call.ts";
import { WaitingCalls } from "../../../../src/client/dispatch/waiting-calls.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";

/** Waiting calls whose members the test plays. */
function useWaiting(timeoutMs = 60_000) {
  const members = new Map([stubMember("a"), stubMember("b")].map((member) => [member.uid, member]));
  const world = { takes: 0, anyTaker: true, memberDue: true, untried: true };
  const placed: string[] = [];
  const expired: string[][] = [];
  const givenUp: string[] = [];
  const place = (call: Call): boolean => {
    if (world.takes === 0) return false;
    world.takes -= 1;
    placed.push(call.routine);
    return true;
  };
  const waiting = new WaitingCalls({
    timeoutMs,
    anyTaker: () => world.anyTaker,
    memberDue: () => world.memberDue,
    untried: () => world.untried,
    member: (uid) => members.get(uid),
    place,
    giveUp: (call) => givenUp.push(call.routine),
    expire: (calls) => expired.push(calls.map(({ routine }) => routine)),
  });
  const a = members.get("a") ?? assert.fail();
  return { waiting, world, members, a, placed, expired, givenUp };
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

  test("lets nested calls go past root calls, and one that comes back go first", async () => {
    const { waiting, world, placed } = useWaiting();
    waiting.add(stubCall("root"));
    waiting.add(stubCall("nested", { nested: true }));
    waiting.addFirst(stubCall("back"));

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
    waiting.addBound(stubCall("bound 1"), a);
    waiting.addBound(stubCall("bound 2"), a);
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
    waiting.addBound(stubCall("for a"), a);
    waiting.addBound(stubCall("for b"), b);

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
    waiting.addBound(call, a);

    waiting.withdraw(call);
    a.free = true;
    world.takes = 1;
    waiting.drain();

    assert.equal(waiting.size, 0);
    assert.deepEqual(placed, []);
  });

  test("fails all who wait for members together, those too that came later", async () => {
    const { waiting, world, expired } = useWaiting(40);
    world.anyTaker = false;
    waiting.add(stubCall("1"));
    waiting.add(stubCall("2", { nested: true }));
    setImmediate(() => waiting.add(stubCall("3")));

    await eventually(() => expired.length > 0);

    assert.deepEqual(expired, [["2", "1", "3"]]);
    assert.equal(waiting.size, 0);
  });

  test("fails at once those for whom nobody can come any more", async () => {
    const { waiting, world, expired } = useWaiting();
    world.anyTaker = false;
    waiting.add(stubCall("1"));

    world.memberDue = false;
    waiting.drain();

    await eventually(() => expired.length > 0);
    assert.deepEqual(expired, [["1"]]);
  });

  test("gives a refused call up when nobody is left who has not refused it", () => {
    const { waiting, world, givenUp, placed } = useWaiting();
    waiting.addRefused(stubCall("1"));
    waiting.addRefused(stubCall("2"));

    waiting.drain();
    assert.deepEqual(givenUp, []);
    world.takes = 1;
    world.untried = false;
    waiting.drain();

    assert.deepEqual(placed, ["1"]);
    assert.deepEqual(givenUp, ["2"]);
    assert.equal(waiting.size, 0);
  });
});
