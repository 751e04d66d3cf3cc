/** The table of the document is that of the tests. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { tableOfKinds } from "./kinds.ts";

test("docs/values.md shows what passes where, as the tests find it", () => {
  const document = readFileSync(new URL("../../../docs/values.md", import.meta.url), "utf8");

  assert.ok(document.includes(tableOfKinds()), `expected this table:\n${tableOfKinds()}`);
});
