/** The short form of the soak of resources: a few thousand calls, some kills, and a fixed seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leakCheck } from "../../support/leak-check.ts";
import { runSoak } from "./soak.ts";

test("calls that need resources settle, hold no more than there is, and leave nothing, while workers are killed", {
  timeout: 280_000,
}, async (context) => {
  await using _leaks = leakCheck({ withinMs: 20_000 });

  const report = await runSoak({ calls: 3_000, seed: 20_261_130, killEveryMs: 1_500 });

  context.diagnostic(JSON.stringify(report.outcomes));
  assert.deepEqual(report.findings, []);
  assert.equal(report.settled, 3_000);
  assert.ok(report.kills > 0);
  assert.ok((report.outcomes.hold ?? 0) > 1_000 && (report.outcomes.held ?? 0) > 20);
});
