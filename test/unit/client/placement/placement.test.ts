import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { Balancer } from "../../../../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../../../../src/balancer/least-busy-balancer.ts";
import { StickyBalancer } from "../../../../src/balancer/sticky-balancer.ts";
import { RefusalRecord } from "../../../../src/client/call/refusal-record.ts";
import type { Member } from "../../../../src/client/members/member.ts";
import { ReadyMembers } from "../../../../src/client/members/ready-members.ts";
import { RoutineLimit } from "../../../../src/client/members/routine-limits.ts";
import { Delegation } from "../../../../src/client/placement/delegation.ts";
import { Placement } from "../../../../src/client/placement/placement.ts";
import { WorkerLostError } from "../../../../src/errors/worker-lost-error.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";
import { eventually } from "../../../support/eventually.ts";

function usePlacement(
  wish: { readonly balancer?: Balancer; readonly quorumMet?: boolean; readonly size?: number } = {},
) {
  const ready = new ReadyMembers<Member>();
  const members = Array.from({ length: wish.size ?? 2 }, (_, n) => stubMember(`w${n}`, ready));
  const placement = new Placement({
    balancer: wish.balancer ?? new LeastBusyBalancer(),
    members: {
      members,
      ready,
      quorumMet: wish.quorumMet ?? true,
      get: (uid) => members.find((member) => member.uid === uid),
      whyNone: () => [],
      evict() {},
    },
    descriptor: undefined,
    observer: { sent() {} },
  });
  return { placement, ready, members, first: members[0] ?? stubMember("nobody") };
}

describe("Placement", () => {
  test("sends a call to a member with room, and says that it must wait when none has", () => {
    const { placement, members } = usePlacement();
    const [, second] = members;
    const calls = ["a", "b", "c"].map((name) => stubCall(name));
    const [a, b, c] = calls;
    assert.ok(a !== undefined && b !== undefined && c !== undefined);

    assert.equal(placement.place(a), "sent");
    for (const member of members) member.free = false;
    assert.equal(placement.place(b), "wait");
    if (second !== undefined) second.free = true;
    assert.equal(placement.place(c), "sent");

    assert.deepEqual(
      calls.map(({ member }) => member?.uid),
      ["w0", undefined, "w1"],
    );
  });

  test("sends a nested call whether there is room or not", () => {
    const { placement, first } = usePlacement({ size: 1 });
    first.free = false;
    const call = stubCall("a", { nested: true });

    assert.equal(placement.place(call), "sent");

    assert.equal(call.member, first);
    assert.equal(first.permits, 0);
  });

  test("places nothing before the quorum is met, nor without members", () => {
    assert.equal(usePlacement({ quorumMet: false }).placement.place(stubCall("a")), "wait");
    assert.equal(usePlacement({ size: 0 }).placement.place(stubCall("a")), "wait");
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
    const { placement } = usePlacement();
    const call = stubCall("a");
    const refusals = new RefusalRecord();
    call.refusals = refusals;
    refusals.add("w0", { code: NackCode.FULL, reason: "", retryAfterMs: 0, version: "" });

    assert.equal(placement.place(call), "sent");
    assert.equal(call.member?.uid, "w1");
    refusals.add("w1", { code: NackCode.FULL, reason: "", retryAfterMs: 0, version: "" });

    assert.equal(placement.place(call), "wait");
    assert.equal(placement.untried(call, "all"), false);
  });

  test("names the member without room that its balancer insists on", () => {
    const { placement, members } = usePlacement({ balancer: new StickyBalancer(), size: 3 });
    const call = stubCall("a", { tag: "x" });
    placement.place(call);
    const chosen = call.member;
    for (const member of members) if (member === chosen) member.free = false;

    assert.equal(placement.place(stubCall("b", { tag: "x" })), chosen);
  });

  test("does not wait for a member that drains, though its balancer insists on it", () => {
    const { placement, members } = usePlacement({ balancer: new StickyBalancer(), size: 3 });
    const call = stubCall("a", { tag: "x" });
    placement.place(call);
    for (const member of members) if (member === call.member) member.draining = true;

    const moved = stubCall("b", { tag: "x" });
    assert.equal(placement.place(moved), "sent");

    assert.notEqual(moved.member, undefined);
    assert.notEqual(moved.member, call.member);
  });

  test("fails a call that cannot be written, and takes nothing up for it", () => {
    const { placement, first } = usePlacement({ size: 1 });
    const tooLarge = new Error("too large");
    first.session.openStream = () => {
      throw tooLarge;
    };
    const call = stubCall("a");

    assert.equal(placement.place(call), "sent");

    assert.deepEqual(call.failures, [tooLarge]);
    assert.equal(first.inFlight, 0);
  });

  test("leaves a call to a balancer that takes its time, and tells what has come of it", async () => {
    const balancer: Balancer = {
      async *delegate(_task, view) {
        for (const { uid, room } of view) {
          try {
            if (room && (yield uid) !== undefined) return;
          } catch {
            // It was not taken there: the next is named.
          }
        }
      },
    };
    const { placement, members, first } = usePlacement({ balancer });
    const [, second] = members;
    const call = stubCall("a");
    const placed = placement.place(call);
    assert.ok(placed instanceof Delegation);
    await eventually(() => call.member === first);

    call.phase = "queued";
    call.offer?.refused(new WorkerLostError("gone", { uid: "w0" }));
    await eventually(() => call.member === second);
    call.offer?.accepted();
    await placed.finished;
    assert.equal(placed.outcome, "sent");

    for (const member of members) member.free = false;
    const busy = placement.place(stubCall("b"));
    assert.ok(busy instanceof Delegation);
    await busy.finished;
    assert.equal(busy.outcome, "wait");
    for (const member of members) member.free = true;
    assert.equal(busy.outcome, "again"); // the balancer has seen them without room
    for (const member of members) member.draining = true;
    assert.equal(busy.outcome, "wait");
  });

  test("tells a balancer that names nobody, though all have room, that nobody takes the call", async () => {
    const { placement, ready, members } = usePlacement({
      balancer: {
        *delegate(_task, view) {
          for (const { room } of view) assert.equal(room, true);
        },
      },
    });
    const placed = placement.place(stubCall("a"));
    assert.ok(placed instanceof Delegation);
    await placed.finished;
    assert.equal(placed.outcome, "none");

    members.push(stubMember("came meanwhile", ready));

    assert.equal(placed.outcome, "again");
  });

  test("shows a balancer that takes its time all workers, also those that run as many of a routine as may", async () => {
    const seen: string[][] = [];
    const { placement, first } = usePlacement({
      balancer: {
        *delegate(_task, view) {
          seen.push(view.map(({ uid, room }) => `${uid} ${room}`));
        },
      },
    });
    const call = stubCall("a");
    call.limit = new RoutineLimit("a", 1);
    call.limit.took(first);

    const placed = placement.place(call);

    assert.ok(placed instanceof Delegation);
    assert.deepEqual(seen, [["w0 false", "w1 true"]]);
    call.limit.took(placement.open(call)[0] ?? assert.fail());
    assert.equal(placement.place(call), "wait");
    await placed.finished;
  });

  for (const among of ["ready", "all"] as const) {
    test(`waits for a thread, if there are any, with what only threads take; among ${among}`, () => {
      const { placement, members, first } = usePlacement();
      const thread = Object.assign(first, { inThread: true });
      const call = Object.assign(stubCall("a"), { needsThread: true });
      thread.free = false;
      assert.equal(placement.place(call), "wait");
      assert.equal(placement.untried(call, among), true);

      const refusals = new RefusalRecord();
      call.refusals = refusals;
      refusals.add("w0", { code: NackCode.UNKNOWN_ROUTINE, reason: "", retryAfterMs: 0, version: "" });

      assert.equal(placement.place(call), "wait");
      assert.equal(placement.untried(call, among), false);
      assert.equal(placement.untried(stubCall("b"), among), true);
      assert.deepEqual(
        members.map(({ inFlight }) => inFlight),
        [0, 0],
      );
    });
  }

  test("spreads a burst over many members as over a few", () => {
    const { placement, members } = usePlacement({ size: 100 });

    for (let n = 0; n < 300; n++) placement.place(stubCall(`t${n}`));

    assert.deepEqual(
      members.map(({ inFlight }) => inFlight),
      new Array(100).fill(3),
    );
  });
});
