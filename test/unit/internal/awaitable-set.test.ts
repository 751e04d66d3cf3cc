import assert from "node:assert/strict";
import { test } from "node:test";
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { AwaitableSet, type Listed } from "../../../src/internal/awaitable-set.ts";

test("AwaitableSet tells everybody who waits when the last item has gone, and not before", async () => {
  const set = new AwaitableSet<Listed>();
  const [a, b]: [Listed, Listed] = [{}, {}];
  for (const item of [a, b]) set.add(item);
  const told: string[] = [];
  const first = set.emptied().then(() => told.push("first"));
  const second = set.emptied().then(() => told.push("second"));

  set.delete(a);
  await Promise.resolve();
  assert.deepEqual(told, []);
  assert.equal(set.delete(b), true);
  await Promise.all([first, second]);

  assert.deepEqual(told, ["first", "second"]);
});

test("AwaitableSet is empty at once while nothing is in it, and waits anew for what comes later", async () => {
  const set = new AwaitableSet<Listed>();
  const [a, b]: [Listed, Listed] = [{}, {}];
  await set.emptied();
  set.add(a);
  let empty = false;
  const emptied = set.emptied().then(() => {
    empty = true;
  });

  assert.equal(set.delete(b), false);
  await Promise.resolve();
  assert.equal(empty, false);
  set.delete(a);
  await emptied;
});

test("AwaitableSet has each item once, in the order in which they came, and lets the current one go", () => {
  const set = new AwaitableSet<Listed & { readonly name: string }>();
  const items = ["a", "b", "c"].map((name) => ({ name }));
  for (const item of [...items, ...items]) set.add(item);

  const seen: string[] = [];
  for (const item of set) {
    seen.push(item.name);
    set.delete(item);
    assert.equal(set.has(item), false);
  }

  assert.deepEqual(seen, ["a", "b", "c"]);
  assert.equal(set.size, 0);
});

test("AwaitableSet has nothing that has come and gone grow old with it", () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options?: { readonly type: "minor" }) => void;
  const set = new AwaitableSet<Listed & { readonly load: readonly number[] }>();
  const item = (): Listed & { readonly load: readonly number[] } => ({ load: new Array<number>(50).fill(1) });
  const underWay = Array.from({ length: 100 }, item);
  for (const one of underWay) set.add(one);
  for (let times = 0; times < 3; times++) collect(); // it is old now, as that of a program that has run for a while
  const before = getHeapStatistics().used_heap_size;

  for (let came = 0; came < 20_000; came++) {
    const one = item();
    set.add(one);
    underWay.push(one);
    set.delete(underWay.shift() as (typeof underWay)[number]);
  }
  for (let times = 0; times < 2; times++) collect({ type: "minor" });

  const grown = getHeapStatistics().used_heap_size - before;
  assert.ok(grown < 2 * 1024 * 1024, `${grown} bytes`);
});
