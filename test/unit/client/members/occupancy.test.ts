import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Occupancy } from "../../../../src/client/members/occupancy.ts";
import { stubMember } from "../../../support/client-stubs.ts";

/** What a member has given away. */
function taken({ inFlight, permits, aheadUs, aheadCount, completed }: ReturnType<typeof stubMember>) {
  return { inFlight, permits, aheadUs, aheadCount, completed };
}

const NOTHING = { inFlight: 0, permits: 0, aheadUs: 0, aheadCount: 0 };

/** A call as far as it takes something up. */
function call(us?: number, nested = false) {
  return { nested, estimate: { us }, roomUs: us };
}

describe("Occupancy", () => {
  test("takes a place, a share and a permit for a root call, and gives each back once", () => {
    const member = stubMember("a");

    const occupancy = new Occupancy(call(40), member);
    assert.deepEqual(taken(member), { inFlight: 1, permits: 1, aheadUs: 40, aheadCount: 1, completed: 0 });
    assert.equal(occupancy.occupiesThread, true);
    occupancy.releaseShare();
    occupancy.releaseShare();
    assert.deepEqual(taken(member), { inFlight: 1, permits: 1, aheadUs: 0, aheadCount: 0, completed: 0 });
    assert.equal(occupancy.occupiesThread, false);
    occupancy.vacate();

    assert.deepEqual(taken(member), { ...NOTHING, completed: 1 });
  });

  test("takes no share of the thread until the arguments have been transferred", () => {
    const member = stubMember("a");

    const occupancy = new Occupancy(call(40), member, true);
    const sending = { ...taken(member), transferUs: member.transferUs, transferCount: member.transferCount };
    occupancy.transferred();
    occupancy.transferred();
    const sent = { ...taken(member), transferUs: member.transferUs, transferCount: member.transferCount };
    occupancy.vacate();

    const held = { inFlight: 1, permits: 1, completed: 0 };
    assert.deepEqual(sending, { ...held, aheadUs: 0, aheadCount: 0, transferUs: 40, transferCount: 1 });
    assert.deepEqual(sent, { ...held, aheadUs: 40, aheadCount: 1, transferUs: 0, transferCount: 0 });
    assert.deepEqual(taken(member), { ...NOTHING, completed: 1 });
  });

  test("gives back what a call has taken whose arguments are dropped on their way", () => {
    const member = stubMember("a");
    const occupancy = new Occupancy(call(40), member, true);

    occupancy.vacate();
    occupancy.transferred(); // too late

    assert.deepEqual(taken(member), { ...NOTHING, completed: 1 });
    assert.deepEqual([member.transferUs, member.transferCount], [0, 0]);
  });

  test("takes no permit for a nested call, nor when it is resumed", () => {
    const member = stubMember("a");
    const occupancy = new Occupancy(call(undefined, true), member);

    assert.equal(occupancy.yieldPermit(), false);
    occupancy.resumePermit();

    assert.equal(member.permits, 0);
  });

  test("counts an unknown body as a millisecond, and leaves no drift behind", () => {
    const member = stubMember("a");
    const occupancies = [undefined, 0.1, 0.2].map((us) => new Occupancy(call(us), member));
    assert.equal(member.aheadUs, 1000 + 0.1 + 0.2);

    for (const occupancy of occupancies) occupancy.vacate();

    assert.deepEqual(taken(member), { ...NOTHING, completed: 3 });
  });

  test("counts with less once its body is expected to be shorter, and never with more", () => {
    const member = stubMember("a");
    const occupancy = new Occupancy(call(undefined), member);

    occupancy.shorten(undefined);
    occupancy.shorten(40);
    occupancy.shorten(900);
    assert.deepEqual([member.aheadUs, member.aheadCount], [40, 1]);
    occupancy.releaseShare();
    occupancy.shorten(1);

    assert.deepEqual([member.aheadUs, member.aheadCount], [0, 0]);
  });

  test("lends the permit of a suspended generator out, and takes it back even beyond the gate", () => {
    const member = stubMember("a");
    const occupancy = new Occupancy(call(), member);

    assert.equal(occupancy.yieldPermit(), true);
    assert.equal(occupancy.yieldPermit(), false);
    assert.equal(member.permits, 0);
    occupancy.resumePermit();
    occupancy.resumePermit();

    assert.equal(member.permits, 1);
  });
});
