/** Which identities fit a pattern of routines. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fitsRoutinePattern } from "../../../../src/worker/access/routine-pattern.ts";

const FITTING: readonly (readonly [pattern: string, id: string, fits: boolean])[] = [
  ["jobs/a.js#f", "jobs/a.js#f", true],
  ["jobs/a.js#f", "jobs/a.js#ff", false],
  ["*", "", true],
  ["*", "jobs/a.js#f", true],
  ["jobs/*", "jobs/a.js#f", true],
  ["jobs/*", "jobs2/a.js#f", false],
  ["*#f", "jobs/a.js#f", true],
  ["jobs/*#f", "jobs/#f", true],
  ["jobs/*/*#f", "jobs/#f", false],
  ["a*a", "a", false],
  ["a*a", "aa", true],
  ["*ab*ab*", "abab", true],
  ["*ab*ab*", "aba", false],
  ["a.b", "axb", false],
];

for (const [pattern, id, fits] of FITTING) {
  test(`'${id}' ${fits ? "fits" : "does not fit"} '${pattern}'`, () => {
    assert.equal(fitsRoutinePattern(id, pattern), fits);
  });
}

test("fitsRoutinePattern agrees with a regular expression of the same meaning", () => {
  const text = fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 8 });
  const pattern = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 6 });

  fc.assert(
    fc.property(text, pattern, (id, wanted) => {
      const same = new RegExp(`^${wanted.replaceAll("*", "[^]*")}$`);
      assert.equal(fitsRoutinePattern(id, wanted), same.test(id));
    }),
    { numRuns: 2_000 },
  );
});
