/** What a transform has put behind a name, against what merely looks like it. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { describe, test } from "node:test";
import { declaredName } from "../../../src/identity/declared-name.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

describe("declaredName", () => {
  for (const [name, source, expected] of [
    ["add2", "const add = routine(async function add() {})", "add"],
    ["sha2562", "const sha256 = routine(async function sha256() {})", "sha256"],
    ["sha256", "const sha256 = routine(async function sha256() {})", "sha256"],
    ["add2", "const add = 1, add2 = 2", "add2"],
    ["add12", "const add1 = routine(function add1() {})", "add1"],
    ["add2", "const adder = 1, readd = 2, $add = 3", "add2"],
    ["größe2", "const größe = routine(function größe() {})", "größe"],
    ["a$2", "const a$ = routine(function a$() {})", "a$"],
    ["2", "nothing", "2"],
    ["add", "nothing", "add"],
  ] as const) {
    test(`it makes '${expected}' of '${name}' where the source is: ${source}`, () => {
      using fixtures = temporaryPackage({ "jobs.ts": source });

      assert.equal(declaredName(name, fixtures.url("jobs.ts")), expected);
    });
  }

  test("it keeps the name of a module that is not known or not there", () => {
    assert.equal(declaredName("add2", undefined), "add2");
    assert.equal(declaredName("add2", "file:///not/there.ts"), "add2");
  });

  test("it reads a module again that was changed since", async () => {
    using fixtures = temporaryPackage({ "a.ts": "add" });
    assert.equal(declaredName("add2", fixtures.url("a.ts")), "add");

    await Promise.resolve();
    writeFileSync(fixtures.path("a.ts"), "add2");

    assert.equal(declaredName("add2", fixtures.url("a.ts")), "add2");
  });
});
