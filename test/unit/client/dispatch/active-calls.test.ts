import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ActiveCalls } from "../../../../src/client/dispatch/active-calls.ts";
import { stubCall, stubMember } from "../../../support/client-stubs.ts";

describe("ActiveCalls", () => {
  test("tells when none is left, and at once when there is none", async () => {
    const active = new ActiveCalls();
    await active.emptied();
    const call = stubCall("t");
    active.add(call);
    let none = false;
    const waiting = active.emptied().then(() => {
      none = true;
    });

    await Promise.resolve();
    assert.equal(none, false);
    active.delete(call);
    active.delete(call);

    await waiting;
    assert.equal(active.size, 0);
  });

  test("ends all of them, each with a reason of its own", () => {
    const active = new ActiveCalls();
    const calls = [stubCall("a"), stubCall("b")];
    for (const call of calls) active.add(call);

    active.abortAll(() => new Error("over"));

    const [first, second] = calls.map(({ aborts }) => aborts);
    assert.equal(first?.length, 1);
    assert.equal(second?.length, 1);
    assert.notEqual(first[0], second[0]);
  });

  test("knows whether a running body occupies a member, and by which call it will be next", () => {
    const active = new ActiveCalls();
    const [here, there] = [stubMember("a"), stubMember("b")];
    const put = (stream: number, phase: "sent" | "running", occupiesThread: boolean): void => {
      active.add(Object.assign(stubCall(`t${stream}`), { member: here, stream, phase, occupiesThread }));
    };
    assert.equal(active.firstWaiting(here), Number.POSITIVE_INFINITY);

    put(3, "sent", true);
    put(2, "sent", true);
    put(1, "running", false);
    assert.equal(active.occupies(here), false);
    put(4, "running", true);

    assert.equal(active.firstWaiting(here), 2);
    assert.equal(active.occupies(here), true);
    assert.equal(active.occupies(there), false);
    assert.equal(active.firstWaiting(there), Number.POSITIVE_INFINITY);
  });
});
