/** Versions: what parses, what is compatible, and that the constant is the package's. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { isVersionCompatible, parseVersion, version } from "../../../src/wire/version.ts";

test("version is the package's and parses", () => {
  const manifest = JSON.parse(readFileSync(new URL("../../../package.json", import.meta.url), "utf8"));

  assert.equal(version, manifest.version);
  assert.equal(parseVersion(version)?.text, version);
});

test("parseVersion reads semver and PEP 440 alike", () => {
  const cases: [text: string, release: number[]][] = [
    ["1", [1]],
    ["0", [0]],
    ["v2", [2]],
    ["V2.1", [2, 1]],
    ["1.4.0", [1, 4, 0]],
    ["01.02", [1, 2]],
    ["10.20.30.40.50", [10, 20, 30, 40, 50]],
    ["1.2.3-beta", [1, 2, 3]],
    ["1.2.3-beta.2+build.7", [1, 2, 3]],
    ["1.2.3-0.1", [1, 2, 3]],
    ["1.0rc1", [1, 0]],
    ["1.0.post2", [1, 0]],
    ["1.0.dev4", [1, 0]],
    ["1.0.0+abc", [1, 0, 0]],
    ["3a1", [3]],
    ["1.", [1]],
    ["1.x", [1]],
    [" 1.2 ", [1, 2]],
    ["999999999.0", [999_999_999, 0]],
  ];

  for (const [text, release] of cases) {
    const parsed = parseVersion(text);

    assert.deepEqual(parsed, { major: release[0], release, text }, text);
  }
});

test("parseVersion gives undefined for what is no version", () => {
  const cases = [
    "",
    " ",
    "unknown",
    "v",
    "vv1",
    "x1.0",
    ".1",
    "-1",
    "+1",
    "latest",
    "١.٢",
    "1!2.0",
    "1234567890",
  ];

  for (const text of [...cases, "1".repeat(200), `1.0-${"a".repeat(200)}`]) {
    assert.equal(parseVersion(text), undefined, text);
  }
  assert.equal(parseVersion(undefined as unknown as string), undefined);
});

test("isVersionCompatible holds between equal majors only", () => {
  const cases: [a: string, b: string, compatible: boolean][] = [
    ["1.0.0", "1.0.0", true],
    ["1.0.0", "1.9.0", true],
    ["1.9.0", "1.0.0", true],
    ["1.0.0rc1", "1.0.0", true],
    ["1.0.0", "v1", true],
    ["0.1.0", "0.9.0", true],
    ["0.9.0", "1.0.0", false],
    ["1.9.9", "2.0.0-rc.1", false],
    ["1.0.0", "10.0.0", false],
    ["unknown", "unknown", false],
    ["", "1.0.0", false],
    ["1.0.0", "", false],
  ];

  for (const [a, b, compatible] of cases) {
    assert.equal(isVersionCompatible(a, b), compatible, `${a} with ${b}`);
    assert.equal(isVersionCompatible(parseVersion(a), b), compatible, `parsed ${a} with ${b}`);
    assert.equal(isVersionCompatible(a, parseVersion(b)), compatible, `${a} with parsed ${b}`);
  }
});

test("isVersionCompatible is symmetric and looks at nothing but the major", () => {
  const number = fc.nat(999_999_999);
  const numbers = fc.array(number, { minLength: 1, maxLength: 4 });
  const suffix = fc.constantFrom("", "-rc.1", "rc1", "+local", ".dev3");
  fc.assert(
    fc.property(numbers, suffix, numbers, suffix, (left, leftSuffix, right, rightSuffix) => {
      const a = left.join(".") + leftSuffix;
      const b = right.join(".") + rightSuffix;

      assert.equal(isVersionCompatible(a, b), left[0] === right[0]);
      assert.equal(isVersionCompatible(b, a), left[0] === right[0]);
    }),
  );
});
