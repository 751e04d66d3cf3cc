import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Balancer } from "../../../../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../../../../src/balancer/least-busy-balancer.ts";
import { StickyBalancer } from "../../../../src/balancer/sticky-balancer.ts";
import { CallRefusals } from "../../../../src/client/call/call-refusals.ts";
import { Placement } from "../../../../src/client/dispatch/placement.ts";
import type { Member } from "../../../../src/client/members/member.ts";
import { ReadyMembers } from "../../../../src/client/members/ready-members.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";

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
    wait: (call) => log.push(`${call.routine} waits`),
    waitFor: (call, member) => log.push(`${call.routine} waits for ${member.uid}`),
    sent: (call, member) => log.push(`${call.routine} to ${member.uid}`),
    giveUp: (call) => log.push(`${call.routine} given up`),
  });
  return { placement, ready, members, log, first: members[0] ?? stubMember("nobody") };
}

describe("Placement", () => {
  test("sends a call to a member with room, and says no when none has", () => {
    const { placement, members, log } = usePlacement();
    const [, second] = members;

    assert.equal(placement.place(stubCall("a")), true);
    for (const member of members) member.free = false;
    assert.equal(placement.place(stubCall("b")), false);
    if (second !== undefined) second.free = true;
    assert.equal(placement.place(stubCall("c")), true);

    assert.deepEqual(log, ["a to w0", "c to w1"]);
  });

  test("sends a nested call whether there is room or not", () => {
    const { placement, members, log } = usePlacement({ size: 1 });
    for (const member of members) member.free = false;

    assert.equal(placement.place(stubCall("a", { nested: true })), true);

    assert.deepEqual(log, ["a to w0"]);
    assert.equal(members[0]?.permits, 0);
  });

  test("places nothing before the quorum is met, nor without members", () => {
    assert.equal(usePlacement({ quorumMet: false }).placement.place(stubCall("a")), false);
    assert.equal(usePlacement({ size: 0 }).placement.place(stubCall("a")), false);
    assert.equal(usePlacement({ quorumMet: false }).placement.anyTaker, false);
  });

  test("counts a draining member as no taker of root calls", () => {
    const { placement, first } = usePlacement({ size: 1 });
    assert.equal(placement.anyTaker, true);

    first.draining = true;

    assert.equal(placement.anyTaker, false);
    assert.equal(placement.untried(stubCall("a"), "all"), false);
    assert.equal(placement.untried(stubCall("a", { nested: true }), "ready"), true);
  });

  test("does not offer a call again to a worker that has refused it", () => {
    const { placement, log } = usePlacement();
    const call = stubCall("a");
    const refusals = new CallRefusals();
    call.refusals = refusals;
    refusals.add("w0", { code: NackCode.FULL, reason: "", retryAfterMs: 0, version: "" });

    placement.place(call);
    refusals.add("w1", { code: NackCode.FULL, reason: "", retryAfterMs: 0, version: "" });

    assert.equal(placement.place(call), false);
    assert.deepEqual(log, ["a to w1"]);
    assert.equal(placement.untried(call, "all"), false);
  });

  test("has a call wait for the member that its balancer insists on", () => {
    const { placement, members, log } = usePlacement({ balancer: new StickyBalancer(), size: 3 });
    const call = stubCall("a", { tag: "x" });
    placement.place(call);
    const chosen = call.member;
    for (const member of members) if (member === chosen) member.free = false;

    assert.equal(placement.place(stubCall("b", { tag: "x" })), true);

    assert.deepEqual(log, [`a to ${chosen?.uid}`, `b waits for ${chosen?.uid}`]);
  });

  test("does not wait for a member that drains, though its balancer insists on it", () => {
    const { placement, members, log } = usePlacement({ balancer: new StickyBalancer(), size: 3 });
    const call = stubCall("a", { tag: "x" });
    placement.place(call);
    for (const member of members) if (member === call.member) member.draining = true;

    const moved = stubCall("b", { tag: "x" });
    assert.equal(placement.place(moved), true);

    assert.notEqual(moved.member, undefined);
    assert.notEqual(moved.member, call.member);
    assert.equal(log.length, 2);
  });

  test("fails a call that cannot be written, and takes nothing up for it", () => {
    const { placement, first } = usePlacement({ size: 1 });
    const tooLarge = new Error("too large");
    first.session.openStream = () => {
      throw tooLarge;
    };
    const call = stubCall("a");

    assert.equal(placement.place(call), true);

    assert.deepEqual(call.failures, [tooLarge]);
    assert.equal(first.inFlight, 0);
  });

  test("spreads a burst over many members as over a few", () => {
    const { placement, members } = usePlacement({ size: 100 });

    for (let n = 0; n < 300; n++) placement.place(stubCall(`t${n}`));

    assert.deepEqual(
      members.map(({ inFlight }) => inFlight),
      new Array(100).fill(3),
    );
  });
});
