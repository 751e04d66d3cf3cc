/** The round-robin policy, beyond the contract. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { BalancedTask, Candidate } from "../../../src/balancer/balancer.ts";
import { RoundRobinBalancer } from "../../../src/balancer/round-robin-balancer.ts";
import { candidate } from "../../support/candidate.ts";

const TASK: BalancedTask = { routine: "app/jobs.ts#add", tag: undefined, nested: false };

function accept(balancer: RoundRobinBalancer, view: readonly Candidate[]): string | undefined {
  const offers = balancer.delegate(TASK, view);
  const { value } = offers.next();
  if (value !== undefined) offers.next(value);
  return value ?? undefined;
}

test("RoundRobinBalancer starts each call after the worker that got the last, by either path", () => {
  const balancer = new RoundRobinBalancer();
  const view = ["a", "b", "c"].map((uid) => candidate(uid, { inFlight: uid === "a" ? 7 : 0 }));

  const order = [
    accept(balancer, view),
    view[balancer.pick(TASK, view)]?.uid,
    accept(balancer, view),
    view[balancer.pick(TASK, view)]?.uid,
  ];

  assert.deepEqual(order, ["a", "b", "c", "a"]);
});

test("RoundRobinBalancer starts after the worker that accepted, not after those that failed", () => {
  const balancer = new RoundRobinBalancer();
  const view = ["a", "b", "c", "d"].map((uid) => candidate(uid));
  const offers = balancer.delegate(TASK, view);
  assert.equal(offers.next().value, "a");
  assert.equal(offers.throw(new Error("refused")).value, "b");
  offers.next("b");

  assert.equal(accept(balancer, view), "c");
});

test("RoundRobinBalancer starts calls of the same moment at different workers", () => {
  const balancer = new RoundRobinBalancer();
  const view = ["a", "b", "c"].map((uid) => candidate(uid));

  const starts = [1, 2, 3].map(() => balancer.delegate(TASK, view).next().value);

  assert.deepEqual(starts, ["a", "b", "c"]);
});

test("RoundRobinBalancer keeps its turn when workers before the last one leave", () => {
  const balancer = new RoundRobinBalancer();
  const view = ["a", "b", "c", "d"].map((uid) => candidate(uid));
  for (const _ of ["a", "b", "c"]) accept(balancer, view);

  view.shift();

  assert.equal(accept(balancer, view), "d");
});

test("RoundRobinBalancer goes on with the successor when the last worker itself has left", () => {
  const balancer = new RoundRobinBalancer();
  const view = ["a", "b", "c"].map((uid) => candidate(uid));
  accept(balancer, view);
  accept(balancer, view);

  view.splice(1, 1);

  assert.equal(accept(balancer, view), "c");
});

test("RoundRobinBalancer passes over a worker without room and comes back to it in its turn", () => {
  const balancer = new RoundRobinBalancer();
  const view = ["a", "b", "c"].map((uid) => candidate(uid, { room: uid !== "b" }));

  assert.deepEqual(
    [1, 2, 3].map(() => balancer.pick(TASK, view)),
    [0, 2, 0],
  );
  for (const entry of view) entry.room = true;
  assert.equal(balancer.pick(TASK, view), 1);
});
