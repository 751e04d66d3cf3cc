/** The short form of the schedules of faults: some of them, with a fixed seed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leakCheck } from "../../support/leak-check.ts";
import { runMatrix } from "./matrix.ts";

test("calls with flows settle, are right, and leave nothing, whoever of all concerned fails, and when", {
  timeout: 120_000,
}, async (context) => {
  await using _leaks = leakCheck({ withinMs: 20_000, endsThreads: true });

  const { ended, findings } = await runMatrix({ seed: 20_261_130, schedules: 36 });

  context.diagnostic(JSON.stringify(ended));
  assert.deepEqual(findings, []);
  assert.ok(Object.keys(ended).length > 4);
});
