/** Holds on the process: one referenced handle while any is in place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { hold, holdCount, release } from "../../../src/internal/liveness.ts";

function referencedTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

test("hold keeps exactly one handle referenced, however many holds there are", () => {
  const before = referencedTimers();

  hold();
  hold();
  hold();
  assert.equal(referencedTimers(), before + 1);
  release();
  release();
  assert.equal(referencedTimers(), before + 1);
  release();

  assert.equal(referencedTimers(), before);
  assert.equal(holdCount(), 0);
});

test("hold works again after everything was released", () => {
  const before = referencedTimers();
  for (let n = 0; n < 3; n++) {
    hold();
    assert.equal(referencedTimers(), before + 1);
    release();
    assert.equal(referencedTimers(), before);
  }
});

test("release throws when nothing is held", () => {
  assert.throws(() => release(), /nothing holds it/);
  assert.equal(holdCount(), 0);
});
