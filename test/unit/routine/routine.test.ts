/** What `routine()` refuses when it is called. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { routine } from "../../../src/routine/routine.ts";

const declarationError = { code: "ERR_MERINO_ROUTINE_DECLARATION" };

test("routine refuses what is no function", () => {
  for (const junk of [undefined, null, "resize", {}, class Resize {}]) {
    assert.throws(() => routine(junk as never), declarationError);
  }
});

test("routine refuses options that are no object, such as a bare name", () => {
  for (const junk of [null, "resize", 3, true]) {
    assert.throws(() => routine(async function resize() {}, junk as never), declarationError);
  }
});
