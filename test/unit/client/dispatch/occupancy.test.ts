import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  occupy,
  releaseShare,
  resumePermit,
  vacate,
  yieldPermit,
} from "../../../../src/client/dispatch/occupancy.ts";
import { stubMember, stubTask } from "../../../support/client-stubs.ts";

/** What a member has given away. */
function taken({ inFlight, permits, aheadUs, aheadCount, completed }: ReturnType<typeof stubMember>) {
  return { inFlight, permits, aheadUs, aheadCount, completed };
}

const NOTHING = { inFlight: 0, permits: 0, aheadUs: 0, aheadCount: 0 };

describe("occupancy", () => {
  test("takes a place, a share and a permit for a root call, and gives each back once", () => {
    const member = stubMember("a");
    const task = stubTask("t", { us: 40 });

    occupy(task, member);
    task.member = member;
    assert.deepEqual(taken(member), { inFlight: 1, permits: 1, aheadUs: 40, aheadCount: 1, completed: 0 });
    releaseShare(task);
    releaseShare(task);
    assert.deepEqual(taken(member), { inFlight: 1, permits: 1, aheadUs: 0, aheadCount: 0, completed: 0 });
    vacate(task, member);

    assert.deepEqual(taken(member), { ...NOTHING, completed: 1 });
    assert.equal(task.member, undefined);
  });

  test("takes no permit for a nested call, nor when it is resumed", () => {
    const member = stubMember("a");
    const task = stubTask("t", { nested: true });
    occupy(task, member);
    task.member = member;

    assert.equal(yieldPermit(task), false);
    resumePermit(task);

    assert.equal(member.permits, 0);
  });

  test("counts an unknown body as a millisecond, and leaves no drift behind", () => {
    const member = stubMember("a");
    const tasks = [stubTask("unknown"), stubTask("b", { us: 0.1 }), stubTask("c", { us: 0.2 })];
    for (const task of tasks) {
      occupy(task, member);
      task.member = member;
    }
    assert.equal(member.aheadUs, 1000 + 0.1 + 0.2);

    for (const task of tasks) vacate(task, member);

    assert.deepEqual(taken(member), { ...NOTHING, completed: 3 });
  });

  test("lends the permit of a suspended generator out, and takes it back even beyond the gate", () => {
    const member = stubMember("a");
    const task = stubTask("t");
    occupy(task, member);
    task.member = member;

    assert.equal(yieldPermit(task), true);
    assert.equal(yieldPermit(task), false);
    assert.equal(member.permits, 0);
    resumePermit(task);
    resumePermit(task);

    assert.equal(member.permits, 1);
  });
});
