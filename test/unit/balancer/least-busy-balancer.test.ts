/** The least-busy policy, beyond the contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { BalancedTask } from "../../../src/balancer/balancer.ts";
import { LeastBusyBalancer } from "../../../src/balancer/least-busy-balancer.ts";
import { candidate } from "../../support/candidate.ts";

const TASK: BalancedTask = { routine: "app/jobs.ts#add", tag: undefined, nested: false };

test("LeastBusyBalancer picks the fewest calls in flight among those with room", () => {
  const view = [
    candidate("a", { inFlight: 2 }),
    candidate("b", { inFlight: 0, room: false }),
    candidate("c", { inFlight: 1 }),
  ];

  assert.equal(new LeastBusyBalancer().pick(TASK, view), 2);
});

test("LeastBusyBalancer names candidates from the least to the most busy", () => {
  const view = [
    candidate("a", { inFlight: 3 }),
    candidate("b", { inFlight: 1 }),
    candidate("c", { inFlight: 2, room: false }),
    candidate("d", { inFlight: 0, room: false }),
    candidate("e", { inFlight: 2 }),
  ];

  assert.deepEqual([...new LeastBusyBalancer().delegate(TASK, view)], ["b", "e", "a", "d", "c"]);
});

test("LeastBusyBalancer sees loads as they are when it is asked for the next candidate", () => {
  const view = [candidate("a"), candidate("b", { inFlight: 1 }), candidate("c", { inFlight: 2 })];
  const offers = new LeastBusyBalancer().delegate(TASK, view);
  assert.equal(offers.next().value, "a");

  for (const entry of view) if (entry.uid === "b") entry.inFlight = 9;

  assert.equal(offers.throw(new Error("refused")).value, "c");
});

test("LeastBusyBalancer takes turns among equals, sixty-four calls each", () => {
  const balancer = new LeastBusyBalancer();
  const view = ["a", "b", "c"].map((uid) => candidate(uid));

  assert.deepEqual(
    Array.from({ length: 256 }, () => balancer.pick(TASK, view)),
    [0, 1, 2, 0].flatMap((index) => new Array(64).fill(index)),
  );
});

test("LeastBusyBalancer keeps loads within one of each other while calls only begin", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 200 }), (size, calls) => {
      const balancer = new LeastBusyBalancer();
      const view = Array.from({ length: size }, (_, n) => candidate(`w${n}`));

      for (let call = 0; call < calls; call++) {
        const chosen = view[balancer.pick(TASK, view)];
        assert.ok(chosen);
        chosen.inFlight += 1;
      }

      const loads = view.map(({ inFlight }) => inFlight);
      assert.ok(Math.max(...loads) - Math.min(...loads) <= 1);
    }),
  );
});
