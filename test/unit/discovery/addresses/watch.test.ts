/** The watch over addresses: whom it finds, and when it asks. What DNS adds is tested with DNS. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { parseDescription } from "../../../../src/discovery/addresses/description.ts";
import { AddressWatch } from "../../../../src/discovery/addresses/watch.ts";
import type { DiscoveryEvent } from "../../../../src/discovery/discovery.ts";
import { useAddressWorld } from "../../../support/use-address-world.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

const ADDRESS = "10.0.0.1:7777";
const INTERVAL_MS = 5_000;

/** A watch over one address, with the worker there at first, that runs until it is disposed of. */
async function useWatch(first?: string) {
  const world = useAddressWorld();
  const { clock, ports } = world;
  if (first !== undefined) world.described.set(ADDRESS, worker(first));
  const events: DiscoveryEvent[] = [];
  const failures: number[] = [];
  const over = new AbortController();
  const watch = new AddressWatch({
    describe: async (address, options) => parseDescription(await ports.describe(address, options), address),
    clock,
    intervalMs: INTERVAL_MS,
    describeTimeoutMs: 1_000,
    retry: { baseMs: 1_000, factor: 2, maxMs: 30_000, jitter: 0 },
    report: (event) => events.push(event),
    settled() {},
    unserved: (_address, count) => failures.push(count),
  });
  watch.follow([ADDRESS]);
  const running = watch.run(over.signal);
  await clock.advance(0);
  return {
    ...world,
    watch,
    failures,
    news: () => events.splice(0).map(({ type, worker }) => `${type.slice("worker-".length)} ${worker.uid}`),
    async [Symbol.asyncDispose]() {
      over.abort();
      await running;
      assert.equal(clock.timerCount, 0);
    },
  };
}

function worker(uid: string) {
  return workerMetadata({ uid, address: ADDRESS });
}

test("AddressWatch reports another worker at an address as one dropped and one added", async () => {
  await using t = await useWatch("a");
  assert.deepEqual(t.news(), ["added a"]);

  t.described.set(ADDRESS, worker("b"));
  await t.clock.advance(INTERVAL_MS - 1);
  assert.deepEqual(t.news(), []);
  await t.clock.advance(1);

  assert.deepEqual(t.news(), ["dropped a", "added b"]);
});

test("AddressWatch asks at once about a worker that cannot be reached, ten times a second at most", async () => {
  await using t = await useWatch("a");
  await t.clock.advance(1_000);
  t.asked.length = 0;

  t.described.set(ADDRESS, worker("b"));
  t.watch.recheck(worker("a"));
  await t.clock.advance(0);
  assert.deepEqual([t.asked.length, t.news()], [1, ["added a", "dropped a", "added b"]]);
  for (let n = 0; n < 100; n++) {
    t.watch.recheck(worker("b"));
    await t.clock.advance(10);
  }

  assert.equal(t.asked.length, 11);
});

test("AddressWatch is not hurried for the sake of a worker that is not at the address", async () => {
  await using t = await useWatch("a");
  await t.clock.advance(1_000);
  t.asked.length = 0;

  t.watch.recheck(worker("before"));
  t.watch.recheck(workerMetadata({ uid: "a", address: "10.0.0.2:7777" }));
  await t.clock.advance(1_000);

  assert.equal(t.asked.length, 0);
});

test("AddressWatch asks an empty address at once when its worker is wanted", async () => {
  await using t = await useWatch();
  await t.clock.advance(20_000); // the next attempt is 16 s after the last
  assert.equal(t.watch.inhabited, false);
  assert.deepEqual(t.failures, [1, 2, 3, 4, 5]);

  t.described.set(ADDRESS, worker("late"));
  t.watch.recheckEmpty();
  await t.clock.advance(0);

  assert.deepEqual(t.news(), ["added late"]);
  assert.equal(t.watch.inhabited, true);
});

test("AddressWatch follows no address any more that is not retained, and asks it no more", async () => {
  await using t = await useWatch("a");
  t.asked.length = 0;

  t.watch.retain(() => false);
  t.watch.recheck(worker("a"));
  await t.clock.advance(60_000);

  assert.deepEqual([t.news(), t.asked], [["added a", "dropped a"], []]);
});
