/** Which of several copies of a package is meant. */
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { test } from "node:test";
import {
  chooseCopy,
  chooseVisible,
  copyOfModule,
  listCopies,
  type PackageCopy,
} from "../../../src/identity/copies.ts";
import { declared } from "../../support/declared-routine.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

const of = (copy: string, version: string): { readonly declaration: PackageCopy } => ({
  declaration: { copy, version },
});

const A1 = of("/node_modules/a", "1.0.0");
const B1 = of("/node_modules/b/node_modules/a", "1.0.0");
const B2 = of("/node_modules/b/node_modules/a", "2.0.0");
const A2 = of("/node_modules/a", "2.0.0");
const APP = of("", "");

for (const [what, candidates, wanted, expected] of [
  ["none", [], A1.declaration, undefined],
  ["the only one, whatever is wanted", [A1], B2.declaration, A1],
  ["the only one, if nothing is known", [A1], undefined, A1],
  ["the one of the same copy and version", [A1, B1], A1.declaration, A1],
  ["the one of the same version before another release of the same copy", [A1, B2], A2.declaration, B2],
  [
    "the one of the same copy, if none has the version",
    [A1, B2],
    { copy: "/node_modules/a", version: "3" },
    A1,
  ],
  ["the one outside of node_modules", [A1, APP], APP.declaration, APP],
  ["none, if nothing tells", [A1, B2], { copy: "/node_modules/c", version: "" }, undefined],
  ["the last one, if nothing is known and all are of one version", [A1, B1], undefined, B1],
  ["none, if nothing is known and they differ", [A1, B2], undefined, undefined],
  [
    "none, if nothing is known and none has a version",
    [APP, of("/node_modules/a", "")],
    undefined,
    undefined,
  ],
] as const) {
  test(`chooseCopy takes ${what}`, () => {
    assert.equal(chooseCopy(candidates, wanted), expected);
  });
}

test("copyOfModule reads the copy off a module's URL, as its declaration has it", () => {
  const found = [
    "file:///srv/app/src/jobs.ts",
    "file:///srv/node_modules/lib/dist/index.js",
    "file:///srv/node_modules/@x/lib/index.js",
    "file:///srv/node_modules/.pnpm/lib@1.0.0/node_modules/lib/index.js",
    "file:///srv/node_modules/sch%C3%B6n/index.js",
    "file:///srv/node_modules/%E0/index.js",
  ].map(copyOfModule);

  assert.deepEqual(found, [
    "",
    "/node_modules/lib",
    "/node_modules/@x/lib",
    "/node_modules/.pnpm/lib@1.0.0/node_modules/lib",
    "/node_modules/schön",
    "/node_modules/%E0",
  ]);
});

test("listCopies names each with its version", () => {
  assert.equal(listCopies([A1, APP]), "'/node_modules/a' (1.0.0), the one outside of 'node_modules'");
});

test("chooseVisible takes the copy that a module would import, as Node would find it", () => {
  const lib = '{ "name": "lib" }';
  using files = temporaryPackage({
    "package.json": '{ "name": "program" }',
    "src/jobs.js": "",
    "node_modules/lib/package.json": lib,
    "node_modules/lib/index.js": "",
    "node_modules/other/package.json": '{ "name": "other" }',
    "node_modules/other/index.js": "",
    "node_modules/other/node_modules/lib/package.json": lib,
    "node_modules/other/node_modules/lib/index.js": "",
    "store/lib/node_modules/lib/package.json": lib,
    "store/lib/node_modules/lib/index.js": "",
    "linking/package.json": '{ "name": "linking" }',
    "linking/jobs.js": "",
    "linking/node_modules/keep": "",
  });
  symlinkSync(files.path("store/lib/node_modules/lib"), files.path("linking/node_modules/lib"));
  const at = ["node_modules/lib", "node_modules/other/node_modules/lib", "store/lib/node_modules/lib"];
  const candidates = at.map((folder) => ({
    declaration: declared(() => {}, "lib/index.js#f", { module: files.url(`${folder}/index.js`) }),
  }));
  const from = (module: string): number => {
    const found = chooseVisible(candidates, files.url(module));
    return found === undefined ? -1 : candidates.indexOf(found);
  };

  assert.equal(from("src/jobs.js"), 0);
  assert.equal(from("node_modules/other/index.js"), 1);
  assert.equal(from("node_modules/other/node_modules/lib/index.js"), 1);
  assert.equal(from("linking/jobs.js"), 2);
  assert.equal(chooseVisible(candidates, "file:///nowhere/jobs.js"), undefined);
  assert.equal(chooseVisible(candidates.slice(2), files.url("src/jobs.js")), undefined);
});
