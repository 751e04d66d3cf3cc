/** Who may open another session. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { SessionPlaces } from "../../../../src/transport/listener/session-places.ts";

/** How many places an address gets until there is none for it. */
function takeAll(places: SessionPlaces, address: string): (() => void)[] {
  const taken: (() => void)[] = [];
  for (let leave = places.take(address); leave !== undefined; leave = places.take(address)) taken.push(leave);
  return taken;
}

test("SessionPlaces leaves the last quarter to addresses that have few", () => {
  const places = new SessionPlaces(128);

  const greedy = takeAll(places, "10.0.0.1");
  const others = Array.from({ length: 40 }, (_, n) => places.take(`10.0.1.${n}`));

  assert.equal(greedy.length, 96);
  assert.equal(others.filter((leave) => leave !== undefined).length, 32);
  assert.match(places.refusal, /128.*maxHeldBytes/);
});

test("SessionPlaces gives a place again that was left, and forgets an address that has none", () => {
  const places = new SessionPlaces(64);
  const first = takeAll(places, "10.0.0.1");

  for (const leave of first) leave();

  assert.equal(takeAll(places, "10.0.0.1").length, first.length);
  assert.ok(places.take("10.0.0.2") !== undefined);
});
