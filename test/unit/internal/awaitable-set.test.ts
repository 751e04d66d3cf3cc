import assert from "node:assert/strict";
import { test } from "node:test";
import { AwaitableSet } from "../../../src/internal/awaitable-set.ts";

test("AwaitableSet tells everybody who waits when the last item has gone, and not before", async () => {
  const set = new AwaitableSet(["a", "b"]);
  const told: string[] = [];
  const first = set.emptied().then(() => told.push("first"));
  const second = set.emptied().then(() => told.push("second"));

  set.delete("a");
  await Promise.resolve();
  assert.deepEqual(told, []);
  assert.equal(set.delete("b"), true);
  await Promise.all([first, second]);

  assert.deepEqual(told, ["first", "second"]);
});

test("AwaitableSet is empty at once while nothing is in it, and waits anew for what comes later", async () => {
  const set = new AwaitableSet<string>();
  await set.emptied();
  set.add("a");
  let empty = false;
  const emptied = set.emptied().then(() => {
    empty = true;
  });

  assert.equal(set.delete("b"), false);
  await Promise.resolve();
  assert.equal(empty, false);
  set.delete("a");
  await emptied;
});
