import assert from "node:assert/strict";
import { test } from "node:test";
import { isTainted, NETWORK } from "../../../src/identity/taint.ts";

test("isTainted is true of all that has come over a network, here or anywhere before", () => {
  const local = { local: true };

  assert.deepEqual(
    [isTainted(local, false), isTainted(local, true), isTainted(NETWORK, false), isTainted(NETWORK, true)],
    [false, true, true, true],
  );
});
