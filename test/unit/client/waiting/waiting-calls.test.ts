import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ReadyMembers } from "../../../../src/client/members/ready-members.ts";
import { WaitingCalls } from "../../../../src/client/waiting/waiting-calls.ts";
import { NoWorkersAvailableError } from "../../../../src/errors/no-workers-available-error.ts";
import { type CallWish, stubCall, stubMember } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";

/** Waiting calls whose members the test plays. */
function useWaiting(timeoutMs = 60_000) {
  const members = new Map([stubMember("a"), stubMember("b")].map((member) => [member.uid, member]));
  const world = { takes: 0, anyTaker: true, memberDue: true, untried: true };
  const placed: string[] = [];
  const failed: string[] = [];
  const waiting = new WaitingCalls({
    timeoutMs,
    members: {
      members: [],
      ready: new ReadyMembers(),
      quorumMet: true,
      get: (uid) => members.get(uid),
      whyNone: () => [],
      evict() {},
    },
    placement: {
      get anyTaker(): boolean {
        return world.anyTaker;
      },
      untried: () => world.untried,
      place: (call) => {
        if (world.takes === 0) return "wait";
        world.takes -= 1;
        placed.push(call.routine);
        return "sent";
      },
    },
    supply: {
      get memberDue(): boolean {
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
          assert.ok(error instanceof NoWorkersAvailableError);
          failed.push(name);
        },
      });
    },
  };
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
    waiting.addRefused(call("1"));
    waiting.addRefused(call("2"));

    waiting.drain();
    assert.deepEqual(failed, []);
    world.takes = 1;
    world.untried = false;
    waiting.drain();

    assert.deepEqual(placed, ["1"]);
    assert.deepEqual(failed, ["2"]);
    assert.equal(waiting.size, 0);
  });

  test("gives a refused call up in time when those that are left do not become ready", async () => {
    const { waiting, world, failed, call } = useWaiting(20);
    world.untried = false;

    waiting.addRefused(call("1"));

    await eventually(() => failed.length > 0);
    assert.deepEqual(failed, ["1"]);
    assert.equal(waiting.size, 0);
  });
});
