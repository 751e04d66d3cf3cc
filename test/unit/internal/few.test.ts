import assert from "node:assert/strict";
import { test } from "node:test";
import { Few } from "../../../src/internal/few.ts";

function thingsOf<T>(few: Few<T>): T[] {
  return Array.from({ length: few.size }, (_, place) => few.at(place) as T);
}

test("a thing that is taken out is in it no more, and the others are", () => {
  const few = new Few<string>();
  for (const thing of ["a", "b", "c"]) few.add(thing);

  few.delete("a");
  few.delete("absent");

  assert.deepEqual(thingsOf(few).sort(), ["b", "c"]);
  assert.equal(few.at(few.size), undefined);
});

test("the last thing goes, and another comes", () => {
  const few = new Few<object>();
  const [one, other] = [{}, {}];

  few.add(one);
  few.delete(one);
  assert.equal(few.size, 0);
  few.add(other);

  assert.deepEqual(thingsOf(few), [other]);
  assert.equal(few.at(0), other);
});

test("things taken out on the way from the last to the first keep no other from being met", () => {
  const met = new Set<number>();
  const few = new Few<number>();
  for (let thing = 0; thing < 10; thing++) few.add(thing);

  for (let at = few.size - 1; at >= 0; at--) {
    const thing = few.at(at);
    if (thing === undefined) continue;
    met.add(thing);
    few.delete(thing);
    few.delete(thing - 5); // one that has not been met
  }

  // The others have been taken out before.
  assert.deepEqual([...met].sort(), [3, 5, 6, 7, 8, 9]);
  assert.equal(few.size, 0);
});
