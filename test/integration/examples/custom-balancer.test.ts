/**
 * The balancer among the examples: the contract of all balancers, its own policy, and its program. Needs the
 * built package, which the example imports by name.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Candidate } from "merino";
import { ZoneBalancer } from "../../../examples/custom-balancer/zone-balancer.ts";
import { balancerContract } from "../../contract/balancer.ts";
import { candidate } from "../../support/candidate.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { runExample } from "../../support/run-example.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const TASK = { routine: "app/jobs.ts#add", tag: undefined, nested: false };

balancerContract("ZoneBalancer", () => new ZoneBalancer("eu-1"));

function candidateIn(
  zone: string,
  uid: string,
  state: { inFlight?: number; room?: boolean } = {},
): Candidate {
  return { ...candidate(uid, state), metadata: workerMetadata({ uid, extra: { zone } }) };
}

test("ZoneBalancer picks a near worker that is busier than a far one", () => {
  const view = [candidateIn("us-1", "far"), candidateIn("eu-1", "near", { inFlight: 9 })];

  assert.equal(new ZoneBalancer("eu-1").pick(TASK, view), 1);
  assert.equal(new ZoneBalancer("us-1").pick(TASK, view), 0);
});

test("ZoneBalancer picks a far worker rather than let a call wait for a near one", () => {
  const view = [candidateIn("eu-1", "near", { room: false }), candidateIn("us-1", "far", { inFlight: 9 })];

  assert.equal(new ZoneBalancer("eu-1").pick(TASK, view), 1);
});

test("ZoneBalancer names near workers before far ones, and among equals the least busy first", () => {
  const view = [
    candidateIn("us-1", "far"),
    candidateIn("eu-1", "full", { room: false }),
    candidateIn("eu-1", "busy", { inFlight: 2 }),
    candidateIn("eu-1", "idle"),
  ];

  assert.deepEqual([...new ZoneBalancer("eu-1").delegate(TASK, view)], ["idle", "busy", "far", "full"]);
});

test("custom-balancer keeps calls near and lets what has no room there go far", {
  timeout: 120_000,
}, async () => {
  await using leaks = leakCheck({ withinMs: 10_000 });
  await using program = runExample("custom-balancer/main.ts", {
    env: { XDG_RUNTIME_DIR: leaks.runtimeRoot },
  });

  assert.equal(await program.ended, 0, program.stderr);

  const [lookUp, compute] = [
    ...program.stdout.matchAll(/^(?:lookUp|compute): +eu-1 (\d+), us-1 (\d+)$/gm),
  ].map(([, near, far]) => ({ near: Number(near), far: Number(far) }));
  assert.ok(lookUp !== undefined && compute !== undefined, program.stdout);
  assert.equal(lookUp.near + lookUp.far, 60);
  assert.equal(compute.near + compute.far, 60);
  // Which calls find room depends on the machine; that blocking ones find less of it near does not.
  assert.ok(lookUp.near > compute.near, program.stdout);
  assert.ok(compute.near > 0 && compute.far > 0, program.stdout);
});
