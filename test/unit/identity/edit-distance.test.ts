/** The algebra of edit distances. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { editDistance } from "../../../src/identity/edit-distance.ts";

const word = fc.stringMatching(/^[ab]{0,8}$/);
const FAR = 100;

test("editDistance counts single edits", () => {
  assert.equal(editDistance("kitten", "sitting", FAR), 3);
  assert.equal(editDistance("", "abc", FAR), 3);
});

test("editDistance is a metric", () => {
  fc.assert(
    fc.property(word, word, word, (a, b, c) => {
      assert.equal(editDistance(a, b, FAR) === 0, a === b);
      assert.equal(editDistance(a, b, FAR), editDistance(b, a, FAR));
      assert.ok(editDistance(a, c, FAR) <= editDistance(a, b, FAR) + editDistance(b, c, FAR));
    }),
  );
});

test("editDistance within a limit is the distance, or Infinity above it", () => {
  fc.assert(
    fc.property(word, word, fc.nat(8), (a, b, limit) => {
      const distance = editDistance(a, b, FAR);
      assert.equal(editDistance(a, b, limit), distance <= limit ? distance : Number.POSITIVE_INFINITY);
    }),
  );
});
