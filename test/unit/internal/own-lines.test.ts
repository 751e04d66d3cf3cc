import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isOwnLine } from "../../../src/internal/own-lines.ts";

const root = new URL("../../../", import.meta.url);

test("isOwnLine knows the lines of the library, by URL and by path, as it is built and as it is written", () => {
  for (const file of ["dist/index.js", "src/pool/map-calls.ts"]) {
    const { href } = new URL(file, root);
    for (const place of [href, fileURLToPath(href)]) {
      assert.equal(isOwnLine(`    at async mapItems (${place}:472:69)`), true, place);
      assert.equal(isOwnLine(`    at async ${place}:472:69`), true, place);
    }
  }
});

test("isOwnLine leaves the program's lines alone, also in folders of such names", () => {
  for (const place of [
    import.meta.url,
    "file:///app/dist/index.js",
    "/app/src/merino/src/jobs.ts",
    "index 0",
  ]) {
    assert.equal(isOwnLine(`    at async main (${place}:1:1)`), false, place);
  }
});
