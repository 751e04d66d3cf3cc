import assert from "node:assert/strict";
import { test } from "node:test";
import { isBuild, ownBuild } from "../../../src/wire/build.ts";

test("isBuild takes texts that are seen as themselves, up to 256 characters", () => {
  for (const build of ["1", "2026-03-14.2", "main@3f2c1d", "größe 7", "x".repeat(256)]) {
    assert.equal(isBuild(build), true, build);
  }
  for (const build of [
    "",
    "x".repeat(257),
    "a\nb",
    "\u001b[2J",
    "a\u202eb",
    "a\u200bb",
    "\ud800",
    1,
    undefined,
  ]) {
    assert.equal(isBuild(build), false, JSON.stringify(build));
  }
});

test("ownBuild is what the environment says, and nothing else", () => {
  assert.equal(ownBuild({ MERINO_BUILD: "b2" }), "b2");
  assert.equal(ownBuild({}), undefined);
  assert.equal(ownBuild({ MERINO_BUILD: "" }), undefined);
});

test("ownBuild refuses a variable that can be no build, and names it", () => {
  for (const MERINO_BUILD of ["a\nb", "x".repeat(257)]) {
    assert.throws(() => ownBuild({ MERINO_BUILD }), {
      code: "ERR_MERINO_INVALID_OPTION",
      option: "MERINO_BUILD",
    });
  }
});
