import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Balancer } from "../../../../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../../../../src/balancer/least-busy-balancer.ts";
import { StickyBalancer } from "../../../../src/balancer/sticky-balancer.ts";
import { TaskRefusals } from "../../../../src/client/call/task-refusals.ts";
import { Placement } from "../../../../src/client/dispatch/placement.ts";
import type { Member } from "../../../../src/client/members/member.ts";
import { ReadyMembers } from "../../../../src/client/members/ready-members.ts";
import { Refusal } from "../../../../src/wire/messages/nack-code.ts";
import { stubMember, stubTask } from "../../../support/client-stubs.ts";

function usePlacement(
  wish: { readonly balancer?: Balancer; readonly quorumMet?: boolean; readonly size?: number } = {},
) {
  const ready = new ReadyMembers<Member>();
  const members = Array.from({ length: wish.size ?? 2 }, (_, n) => stubMember(`w${n}`, ready));
  const log: string[] = [];
  const placement = new Placement({
    balancer: wish.balancer ?? new LeastBusyBalancer(),
    members: { members, ready, get: (uid) => members.find((member) => member.uid === uid) },
    quorumMet: () => wish.quorumMet ?? true,
    descriptor: () => undefined,
    wait: (task) => log.push(`${task.routine} waits`),
    waitFor: (task, member) => log.push(`${task.routine} waits for ${member.uid}`),
    sent: (task, member) => log.push(`${task.routine} to ${member.uid}`),
    giveUp: (task) => log.push(`${task.routine} given up`),
  });
  return { placement, ready, members, log, first: members[0] ?? stubMember("nobody") };
}

describe("Placement", () => {
  test("sends a task to a member with room, and says no when none has", () => {
    const { placement, members, log } = usePlacement();
    const [, second] = members;

    assert.equal(placement.place(stubTask("a")), true);
    for (const member of members) member.free = false;
    assert.equal(placement.place(stubTask("b")), false);
    if (second !== undefined) second.free = true;
    assert.equal(placement.place(stubTask("c")), true);

    assert.deepEqual(log, ["a to w0", "c to w1"]);
  });

  test("sends a nested task whether there is room or not", () => {
    const { placement, members, log } = usePlacement({ size: 1 });
    for (const member of members) member.free = false;

    assert.equal(placement.place(stubTask("a", { nested: true })), true);

    assert.deepEqual(log, ["a to w0"]);
    assert.equal(members[0]?.permits, 0);
  });

  test("places nothing before the quorum is met, nor without members", () => {
    assert.equal(usePlacement({ quorumMet: false }).placement.place(stubTask("a")), false);
    assert.equal(usePlacement({ size: 0 }).placement.place(stubTask("a")), false);
    assert.equal(usePlacement({ quorumMet: false }).placement.anyTaker, false);
  });

  test("counts a draining member as no taker of root calls", () => {
    const { placement, first } = usePlacement({ size: 1 });
    assert.equal(placement.anyTaker, true);

    first.draining = true;

    assert.equal(placement.anyTaker, false);
    assert.equal(placement.untried(stubTask("a"), "all"), false);
    assert.equal(placement.untried(stubTask("a", { nested: true }), "ready"), true);
  });

  test("does not offer a task again to a worker that has refused it", () => {
    const { placement, log } = usePlacement();
    const task = stubTask("a");
    const refusals = new TaskRefusals();
    task.refusals = refusals;
    refusals.add("w0", { code: Refusal.FULL, reason: "", retryAfterMs: 0, version: "" });

    placement.place(task);
    refusals.add("w1", { code: Refusal.FULL, reason: "", retryAfterMs: 0, version: "" });

    assert.equal(placement.place(task), false);
    assert.deepEqual(log, ["a to w1"]);
    assert.equal(placement.untried(task, "all"), false);
  });

  test("has a task wait for the member that its balancer insists on", () => {
    const { placement, members, log } = usePlacement({ balancer: new StickyBalancer(), size: 3 });
    const task = stubTask("a", { tag: "x" });
    placement.place(task);
    const chosen = task.member;
    for (const member of members) if (member === chosen) member.free = false;

    assert.equal(placement.place(stubTask("b", { tag: "x" })), true);

    assert.deepEqual(log, [`a to ${chosen?.uid}`, `b waits for ${chosen?.uid}`]);
  });

  test("does not wait for a member that drains, though its balancer insists on it", () => {
    const { placement, members, log } = usePlacement({ balancer: new StickyBalancer(), size: 3 });
    const task = stubTask("a", { tag: "x" });
    placement.place(task);
    for (const member of members) if (member === task.member) member.draining = true;

    const moved = stubTask("b", { tag: "x" });
    assert.equal(placement.place(moved), true);

    assert.notEqual(moved.member, undefined);
    assert.notEqual(moved.member, task.member);
    assert.equal(log.length, 2);
  });

  test("fails a task that cannot be written, and takes nothing up for it", () => {
    const { placement, first } = usePlacement({ size: 1 });
    const tooLarge = new Error("too large");
    first.session.openStream = () => {
      throw tooLarge;
    };
    const task = stubTask("a");

    assert.equal(placement.place(task), true);

    assert.deepEqual(task.failures, [tooLarge]);
    assert.equal(first.inFlight, 0);
  });

  test("spreads a burst over many members as over a few", () => {
    const { placement, members } = usePlacement({ size: 100 });

    for (let n = 0; n < 300; n++) placement.place(stubTask(`t${n}`));

    assert.deepEqual(
      members.map(({ inFlight }) => inFlight),
      new Array(100).fill(3),
    );
  });
});
