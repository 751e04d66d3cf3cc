import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { BoundQueue } from "../../../../src/client/waiting/bound-queue.ts";

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

    bound.delete(gone);

    assert.equal(bound.size, 1);
    assert.equal(bound.countFor("a"), 0);
    assert.equal(bound.next("a", undefined), undefined);
    assert.equal(bound.next("b", undefined)?.routine, "2");
  });

  test("forgets a member that all calls have left that waited for it", () => {
    const bound = new BoundQueue();
    const [one, other, taken] = [stubCall("1"), stubCall("2"), stubCall("3")];
    for (const call of [one, other]) bound.add(call, stubMember("a"));
    bound.add(taken, stubMember("b"));

    bound.delete(one);
    assert.deepEqual(bound.uids, ["a", "b"]);
    bound.delete(other);
    bound.delete(other);
    bound.next("b", undefined);
    bound.delete(taken);

    assert.deepEqual(bound.uids, []);
    assert.equal(bound.empty, true);
  });
});
