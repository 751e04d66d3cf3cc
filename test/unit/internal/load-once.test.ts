import assert from "node:assert/strict";
import { test } from "node:test";
import { loadOnce } from "../../../src/internal/load-once.ts";

test("loadOnce loads once for all who ask, and again where that has failed", async () => {
  const outcomes: (() => Promise<string>)[] = [
    () => Promise.reject(new Error("no file")),
    async () => "module",
  ];
  let loads = 0;
  const load = loadOnce(() => (outcomes[loads++] as () => Promise<string>)());

  const failed = await Promise.allSettled([load(), load()]);
  const loaded = await Promise.all([load(), load()]);
  const later = await load();

  assert.deepEqual(
    failed.map(({ status }) => status),
    ["rejected", "rejected"],
  );
  assert.deepEqual([...loaded, later], ["module", "module", "module"]);
  assert.equal(loads, 2);
});
