/** What keeps the process alive: one referenced handle while anything is under way. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { keepAlive, letExit } from "../../../src/internal/keep-alive.ts";
import { keepAliveCount } from "../../support/keep-alive-count.ts";

function referencedTimers(): number {
  return process.getActiveResourcesInfo().filter((kind) => kind === "Timeout").length;
}

test("keepAlive keeps exactly one handle referenced, however often it is called", () => {
  const before = referencedTimers();

  keepAlive();
  keepAlive();
  keepAlive();
  assert.equal(referencedTimers(), before + 1);
  letExit();
  letExit();
  assert.equal(referencedTimers(), before + 1);
  letExit();

  assert.equal(referencedTimers(), before);
  assert.equal(keepAliveCount(), 0);
});

test("keepAlive works again after everything was taken back", () => {
  const before = referencedTimers();
  for (let n = 0; n < 3; n++) {
    keepAlive();
    assert.equal(referencedTimers(), before + 1);
    letExit();
    assert.equal(referencedTimers(), before);
  }
});

test("letExit throws when there is nothing to take back", () => {
  assert.throws(() => letExit(), /nothing keeps it alive/);
  assert.equal(keepAliveCount(), 0);
});
