import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  occupy,
  releaseShare,
  resumePermit,
  vacate,
  yieldPermit,
} from "../../../../src/client/dispatch/occupancy.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";

/** What a member has given away. */
function taken({ inFlight, permits, aheadUs, aheadCount, completed }: ReturnType<typeof stubMember>) {
  return { inFlight, permits, aheadUs, aheadCount, completed };
}

const NOTHING = { inFlight: 0, permits: 0, aheadUs: 0, aheadCount: 0 };

describe("occupancy", () => {
  test("takes a place, a share and a permit for a root call, and gives each back once", () => {
    const member = stubMember("a");
    const call = stubCall("t", { us: 40 });

    occupy(call, member);
    call.member = member;
    assert.deepEqual(taken(member), { inFlight: 1, permits: 1, aheadUs: 40, aheadCount: 1, completed: 0 });
    releaseShare(call);
    releaseShare(call);
    assert.deepEqual(taken(member), { inFlight: 1, permits: 1, aheadUs: 0, aheadCount: 0, completed: 0 });
    vacate(call, member);

    assert.deepEqual(taken(member), { ...NOTHING, completed: 1 });
    assert.equal(call.member, undefined);
  });

  test("takes no permit for a nested call, nor when it is resumed", () => {
    const member = stubMember("a");
    const call = stubCall("t", { nested: true });
    occupy(call, member);
    call.member = member;

    assert.equal(yieldPermit(call), false);
    resumePermit(call);

    assert.equal(member.permits, 0);
  });

  test("counts an unknown body as a millisecond, and leaves no drift behind", () => {
    const member = stubMember("a");
    const calls = [stubCall("unknown"), stubCall("b", { us: 0.1 }), stubCall("c", { us: 0.2 })];
    for (const call of calls) {
      occupy(call, member);
      call.member = member;
    }
    assert.equal(member.aheadUs, 1000 + 0.1 + 0.2);

    for (const call of calls) vacate(call, member);

    assert.deepEqual(taken(member), { ...NOTHING, completed: 3 });
  });

  test("lends the permit of a suspended generator out, and takes it back even beyond the gate", () => {
    const member = stubMember("a");
    const call = stubCall("t");
    occupy(call, member);
    call.member = member;

    assert.equal(yieldPermit(call), true);
    assert.equal(yieldPermit(call), false);
    assert.equal(member.permits, 0);
    resumePermit(call);
    resumePermit(call);

    assert.equal(member.permits, 1);
  });
});
