import assert from "node:assert/strict";
import { test } from "node:test";
import { MOST_PASSED, Passed } from "../../../../src/client/waiting/passed.ts";
import { stubCall } from "../../../support/client-stubs.ts";

/** Counts so many calls that are sent. */
function passes(passed: Passed, calls: number): void {
  for (let call = 0; call < calls; call++) passed.count();
}

test("Passed has a call ask for next to no room once 64 have gone past it, as documented", () => {
  const passed = new Passed();
  const call = stubCall("waits", { us: 20_000 });

  passes(passed, 63);
  passed.tell(call);
  assert.equal(call.roomUs, 20_000);
  passes(passed, 1);
  passed.tell(call);

  assert.equal(MOST_PASSED, 64);
  assert.equal(call.roomUs, 0);
});

test("Passed begins to count anew once the first of its queue has left", () => {
  const passed = new Passed();
  const [first, second] = [stubCall("first", { us: 1_000 }), stubCall("second", { us: 1_000 })];
  passes(passed, 64);
  passed.tell(first);

  passed.left();
  passes(passed, 63);
  passed.tell(second);

  assert.deepEqual([first.roomUs, second.roomUs], [0, 1_000]);
});
