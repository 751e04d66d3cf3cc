/** The short form of `main.ts`: how soon new material is used is not judged here, since the machine may be busy. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { leakCheck } from "../../support/leak-check.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { rotateUnderLoad } from "./rotation.ts";

const ROTATIONS = 4;
const CALLS = 2_000;
const SEED = 20_261_129;

test("no call is lost while the pairs of both sides are replaced and torn, and an old one is refused once it has ended", async (context) => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();

  const { calls, connections, wrong, lost, delaysMs, torn, old } = await rotateUnderLoad({
    rotations: ROTATIONS,
    calls: CALLS,
    seed: SEED,
  });

  context.diagnostic(
    `${calls} calls, ${connections} new connections, in use after ${JSON.stringify(delaysMs)} ms`,
  );
  assert.deepEqual({ wrong, lost }, { wrong: 0, lost: {} });
  assert.ok(calls >= CALLS, `${calls} calls`);
  assert.ok(connections >= ROTATIONS, `${connections} new connections`);
  assert.equal(torn, ROTATIONS);
  assert.deepEqual([delaysMs.worker.length, delaysMs.caller.length], [ROTATIONS, ROTATIONS]);
  assert.deepEqual(old, {
    callerItself: "expired",
    callerSaysWhy: true,
    workerItself: "certificate has expired",
    callerByWorker: "certificate-refused",
    workerByCaller: "expired",
    wholeAgain: true,
  });
  const expected = ["MERINO_CREDENTIALS_NOT_RENEWED", "MERINO_WORKER_UNREACHABLE"];
  assert.deepEqual(
    warnings.codes.filter((code) => !expected.includes(code)),
    [],
  );
});
