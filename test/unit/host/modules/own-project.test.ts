/** Which modules a worker takes for its own project's. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { OwnProject, ownProject } from "../../../../src/host/modules/own-project.ts";
import { temporaryPackage } from "../../../support/temporary-package.ts";

const named = (name: string): string => JSON.stringify({ name });

/** Two releases of a monorepo, each with packages installed for the whole and for one member. */
function releases(root: string): Record<string, string> {
  return Object.fromEntries(
    ["one", "two"].flatMap((release) => [
      [`${release}/package.json`, root],
      [`${release}/apps/shop/package.json`, named("shop")],
      [`${release}/apps/shop/main.js`, ""],
      [`${release}/packages/tools/package.json`, named("tools")],
      [`${release}/packages/tools/jobs.js`, ""],
      [`${release}/packages/tools/node_modules/lib/package.json`, named("lib")],
      [`${release}/packages/tools/node_modules/lib/index.js`, ""],
      [`${release}/node_modules/lib/index.js`, ""],
    ]),
  );
}

const MODULES = [
  "apps/shop/main.js",
  "packages/tools/jobs.js",
  "packages/tools/node_modules/lib/index.js",
  "node_modules/lib/index.js",
];

test("OwnProject includes the whole of a monorepo, and nothing of another release of it", () => {
  using files = temporaryPackage(releases(named("whole")));
  const project = new OwnProject();
  project.add(files.url("one/apps/shop/main.js"));

  for (const module of MODULES) {
    assert.equal(project.includes(files.url(`one/${module}`)), true, module);
    assert.equal(project.includes(files.url(`two/${module}`)), false, module);
  }
});

test("OwnProject tells releases apart by the members of a monorepo that has no name, once it knows them", () => {
  using files = temporaryPackage(releases("{}"));
  const project = new OwnProject();
  project.add(files.url("one/apps/shop/main.js"));
  assert.equal(project.includes(files.url("two/apps/shop/main.js")), false);
  assert.equal(project.includes(files.url("two/node_modules/lib/index.js")), false);
  assert.equal(project.includes(files.url("one/node_modules/lib/index.js")), true);

  project.add(files.url("one/packages/tools/jobs.js"));

  for (const module of MODULES) {
    assert.equal(project.includes(files.url(`one/${module}`)), true, module);
    assert.equal(project.includes(files.url(`two/${module}`)), false, module);
  }
});

test("OwnProject includes what is in packages that it knows nothing of", () => {
  using files = temporaryPackage({ "package.json": named("other"), "jobs.js": "" });

  assert.equal(new OwnProject().includes(files.url("jobs.js")), true);
  assert.equal(new OwnProject().includes("file:///nowhere/jobs.js"), true);
});

test("OwnProject takes a program that is installed itself for a project of whoever installed it", () => {
  using files = temporaryPackage({
    "package.json": named("user"),
    "node_modules/runner/package.json": named("runner"),
    "node_modules/runner/bin.js": "",
    "src/jobs.js": "",
    "elsewhere/package.json": named("user"),
    "elsewhere/node_modules/runner/bin.js": "",
  });
  const project = new OwnProject();

  project.add(files.url("node_modules/runner/bin.js"));

  assert.equal(project.includes(files.url("src/jobs.js")), true);
  assert.equal(project.includes(files.url("elsewhere/node_modules/runner/bin.js")), false);
});

test("ownProject knows from the start where this package is, and the modules it is given", () => {
  using files = temporaryPackage({ "package.json": named("given"), "jobs.js": "" });
  using others = temporaryPackage({ "package.json": named("given"), "jobs.js": "" });

  const project = ownProject([files.url("jobs.js")]);

  assert.equal(project.includes(import.meta.url), true);
  assert.equal(project.includes(files.url("jobs.js")), true);
  assert.equal(project.includes(others.url("jobs.js")), false);
});
