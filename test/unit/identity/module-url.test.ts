/** The URLs under which scripts are known as modules. */
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { test } from "node:test";
import { pathToFileURL } from "node:url";
import { moduleOf } from "../../../src/identity/module-url.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

test("moduleOf gives a path, its URL and its URL with a query one answer, through links", () => {
  using fixtures = temporaryPackage({ "real/jobs.js": "" });
  symlinkSync(fixtures.path("real"), fixtures.path("link"));
  const url = fixtures.url("real/jobs.js");

  const scripts = [fixtures.path("real/jobs.js"), url, `${url}?t=1#part`, fixtures.path("link/jobs.js")];

  assert.deepEqual(
    scripts.map(moduleOf),
    scripts.map(() => url),
  );
});

test("moduleOf drops a query that a loader has put behind a path, unless there is such a file", () => {
  using fixtures = temporaryPackage({ "jobs.js": "", "odd?.js": "" });

  assert.equal(moduleOf(`${fixtures.path("jobs.js")}?namespace=1`), fixtures.url("jobs.js"));
  assert.equal(moduleOf(fixtures.path("odd?.js")), fixtures.url("odd?.js"));
});

test("moduleOf refuses the names that Node gives to code without a file", () => {
  const names = [
    "[eval]",
    "[stdin]",
    "[worker eval]",
    "REPL1",
    "evalmachine.<anonymous>",
    "file:///srv/[eval1]",
  ];

  assert.deepEqual(
    names.map(moduleOf),
    names.map(() => undefined),
  );
});

test("moduleOf keeps the name of a file that is gone", () => {
  assert.equal(moduleOf("/no such/jobs.js"), pathToFileURL("/no such/jobs.js").href);
});
