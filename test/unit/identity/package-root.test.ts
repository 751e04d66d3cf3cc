/** The names that modules have on every host. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { assertIdentity } from "../../../src/identity/identity.ts";
import { moduleIdentity } from "../../../src/identity/package-root.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

const TREE = {
  "package.json": '{ "name": "thumbs" }',
  "dist/package.json": '{ "type": "commonjs" }',
  "broken/package.json": "{",
  "climbing/package.json": '{ "name": "../other" }',
  "url/package.json": '{ "name": "node:fs" }',
  "node_modules/@scope/inner/package.json": '\uFEFF{ "name": "@scope/inner" }',
};

const EXPECTED: Readonly<Record<string, string>> = {
  "src/jobs.ts": "thumbs/src/jobs.ts",
  "jobs.ts": "thumbs/jobs.ts",
  "dist/jobs.js": "thumbs/dist/jobs.js",
  "broken/jobs.js": "thumbs/broken/jobs.js",
  "climbing/jobs.js": "thumbs/climbing/jobs.js",
  "url/jobs.js": "thumbs/url/jobs.js",
  "node_modules/@scope/inner/lib/jobs.js": "@scope/inner/lib/jobs.js",
  "with space/a#b?c%20.ts": "thumbs/with space/a#b?c%20.ts",
  "e\u0301.ts": "thumbs/\u00e9.ts",
};

for (const [file, identity] of Object.entries(EXPECTED)) {
  test(`moduleIdentity names ${JSON.stringify(file)} by its package`, () => {
    using tree = temporaryPackage(TREE);

    assert.equal(moduleIdentity(tree.url(file)), identity);
    assert.equal(moduleIdentity(`${tree.url(file)}?t=1#part`), identity);
  });
}

test("moduleIdentity names a module outside every package in a form that is an identity, not a path", () => {
  const identity = moduleIdentity("file:///no-package-here/src/jobs.ts");

  assert.equal(identity, "~/no-package-here/src/jobs.ts");
  assertIdentity(`${identity}#add`);
});
