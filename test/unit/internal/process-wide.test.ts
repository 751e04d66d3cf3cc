/** State that all copies of the package share. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { processWide } from "../../../src/internal/process-wide.ts";

test("processWide creates a value once and gives every copy the same", async () => {
  const path = "../../../src/internal/process-wide.ts";
  // The query makes it a second instance of the module, as a second copy of the package would be.
  const copy = (await import(`${path}?copy`)) as typeof import("../../../src/internal/process-wide.ts");
  assert.notEqual(copy.processWide, processWide);

  const mine = processWide("test.process-wide", () => ({ owner: "first" }));
  const theirs = copy.processWide("test.process-wide", () => ({ owner: "second" }));

  assert.equal(theirs, mine);
  assert.equal(mine.owner, "first");
});
