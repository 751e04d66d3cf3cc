/** What is suggested for an identity that nobody has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nearMisses } from "../../../src/identity/near-misses.ts";
import { registerRoutine } from "../../../src/identity/registry.ts";
import { declaredRoutine } from "../../support/declared-routine.ts";

test("nearMisses puts the same name in another module before a similar spelling, and leaves out the rest", () => {
  for (const id of ["near/dist/jobs.js#resize", "near/src/jobs.ts#resise", "near/src/jobs.ts#rotate"]) {
    registerRoutine(declaredRoutine(id));
  }

  assert.deepEqual(nearMisses("near/src/jobs.ts#resize"), [
    "near/dist/jobs.js#resize",
    "near/src/jobs.ts#resise",
  ]);
  assert.deepEqual(nearMisses("near/src/jobs.ts#resize", 1), ["near/dist/jobs.js#resize"]);
  assert.deepEqual(nearMisses("completely/else.ts#unlike"), []);
});
