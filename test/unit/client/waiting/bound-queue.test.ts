import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BoundQueue } from "../../../../src/client/waiting/bound-queue.ts";
import { leaveQueue } from "../../../../src/internal/queue/priority-queue.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";

describe("BoundQueue", () => {
  test("gives a call out once its member has room, the oldest first", () => {
    const bound = new BoundQueue();
    const member = stubMember("a");
    const [first, second] = [stubCall("1"), stubCall("2")];
    for (const call of [first, second]) bound.add(call, member);

    member.free = false;
    assert.equal(bound.next("a", member), undefined);
    assert.equal(bound.countFor("a"), 2);
    member.free = true;

    assert.equal(bound.next("a", member), first);
    assert.equal(bound.next("a", member), second);
    assert.equal(bound.next("a", member), undefined);
    assert.equal(bound.empty, true);
  });

  test("gives out what waits for a member that takes no more, or has gone", () => {
    const bound = new BoundQueue();
    const member = stubMember("a");
    member.free = false;
    const [first, second] = [stubCall("1"), stubCall("2")];
    for (const call of [first, second]) bound.add(call, member);

    member.draining = true;
    assert.equal(bound.next("a", member), first);

    assert.equal(bound.next("a", undefined), second);
  });

  test("counts every call, and no longer one that has left its queue", () => {
    const bound = new BoundQueue();
    const gone = stubCall("1");
    bound.add(gone, stubMember("a"));
    bound.add(stubCall("2"), stubMember("b"));
    assert.deepEqual([bound.size, bound.uids], [2, ["a", "b"]]);

    leaveQueue(gone);

    assert.equal(bound.size, 1);
    assert.equal(bound.countFor("a"), 0);
    assert.equal(bound.next("a", undefined), undefined);
    assert.deepEqual(bound.uids, ["b"]);
  });
});
