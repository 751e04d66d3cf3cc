import assert from "node:assert/strict";
import { join, resolve } from "node:path";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { shownModule } from "../../../src/internal/shown-module.ts";

test("shownModule writes a path from here, a whole one for what lies elsewhere, and leaves the rest", () => {
  const elsewhere = resolve("..", "jobs.ts");

  assert.equal(shownModule(pathToFileURL(join("src", "a file.ts")).href), join("src", "a file.ts"));
  assert.equal(shownModule(pathToFileURL(elsewhere).href), elsewhere);
  assert.equal(shownModule("data:text/javascript,1"), "data:text/javascript,1");
});
