/** When it is said that a discovery finds nobody, and what is said. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Membership } from "../../../src/client/membership/membership.ts";
import { type SupplySurroundings, WorkerSupply } from "../../../src/client/worker-supply.ts";
import type { Discovery } from "../../../src/discovery/discovery.ts";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";
import { DeadlineQueue } from "../../../src/internal/time/deadline-queue.ts";
import { eventually } from "../../support/eventually.ts";
import { MemoryDiscovery } from "../../support/memory-discovery.ts";
import { helloWith } from "../../support/protocol-peers.ts";
import { useFakeClock } from "../../support/use-fake-clock.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

/** A supply that watches a discovery in the test's hands, whose workers are never connected to. */
function useSupply(wish: { readonly quorum?: number; readonly surroundings?: SupplySurroundings } = {}) {
  const clock = useFakeClock();
  const warnings = useWarnings();
  const memory = new MemoryDiscovery();
  const publisher = memory.publisher();
  const discovery: Discovery = {
    publisher: () => memory.publisher(),
    subscribe: (options) => memory.subscribe(options),
    descriptor: { kind: "lan", parameters: { namespace: "thumbs" } },
  };
  const membership = new Membership({
    rules: { version: "1.0.0", secure: false, hostId: "h", filter: undefined },
    capacity: undefined,
    reserved: 0,
    quorum: wish.quorum ?? 1,
    connect: () => new Promise(() => {}),
    hello: () => helloWith(),
    connectTimeoutMs: 60_000,
    events: { ready() {}, unreachable() {} },
  });
  const queue = new DeadlineQueue(clock);
  const supply = new WorkerSupply(membership, discovery, wish.surroundings, queue);
  return {
    clock,
    membership,
    supply,
    queue,
    /** What was said, once the warnings have arrived. */
    async said(): Promise<readonly string[]> {
      await new Promise(setImmediate);
      return warnings.messages.filter((_, at) => warnings.codes[at] === "MERINO_NOTHING_FOUND");
    },
    async announce(uid: string, version = "1.0.0"): Promise<void> {
      await publisher.publish({ type: "worker-added", worker: workerMetadata({ uid, version }) });
    },
    async retract(uid: string): Promise<void> {
      await publisher.publish({ type: "worker-dropped", worker: workerMetadata({ uid, version: "1.0.0" }) });
    },
    async [Symbol.asyncDispose]() {
      supply.close();
      await supply.closed();
      membership.close();
      await publisher.close();
      warnings[Symbol.dispose]();
      clock[Symbol.dispose]();
      assert.equal(queue.size, 0);
    },
  };
}

for (const [named, workers, due] of [
  ["records", [workerMetadata({ uid: "a" })], false],
  ["records and an address", [workerMetadata({ uid: "a" }), "127.0.0.1:1"], true],
] as const) {
  test(`WorkerSupply ${due ? "expects somebody" : "expects nobody"} in the place of a worker of a list of ${named}`, () => {
    const discovery = new StaticDiscovery(workers);
    const supply = new WorkerSupply({ refusals: () => [] } as unknown as Membership, discovery);

    assert.deepEqual([supply.memberDue, supply.replacementDue], [true, due]);
  });
}

test("WorkerSupply says after 5 s that nobody was found, with the name of the place, and once", async () => {
  await using t = useSupply();

  t.supply.watch();
  await t.clock.advance(4_999);
  assert.deepEqual(await t.said(), []);
  await t.clock.advance(1);
  const said = await t.said();
  t.supply.watch();
  await t.clock.advance(600_000);

  assert.equal(said.length, 1);
  assert.match(said[0] ?? "", /'lan:thumbs'.*nobody was seen.*doctor --discovery 'lan:thumbs'/);
  assert.deepEqual(await t.said(), said);
});

test("WorkerSupply says who was seen and refused, with how many for which reason", async () => {
  await using t = useSupply();
  t.supply.watch();
  for (const uid of ["a", "b"]) await t.announce(uid, "9.1.0");
  await eventually(() => t.membership.refusals().length === 2);

  await t.clock.advance(5_000);

  const [said = ""] = await t.said();
  assert.match(said, /2 workers were refused, 2 for 'version' \(it runs '9\.1\.0'/);
});

test("WorkerSupply says that fewer were found than the quorum asks for", async () => {
  await using t = useSupply({ quorum: 2 });
  t.supply.watch();
  await t.announce("a");
  await eventually(() => t.membership.size === 1);

  await t.clock.advance(5_000);

  assert.match((await t.said())[0] ?? "", /1 of the 2 workers/);
});

const QUIET: Readonly<Record<string, Parameters<typeof useSupply>[0]>> = {
  "a worker was found": {},
  "the pool has, or will have, a worker of its own": { surroundings: { workerDue: () => true } },
  "the errors of calls say it": { surroundings: { silent: true } },
};

for (const [when, wish] of Object.entries(QUIET)) {
  test(`WorkerSupply says nothing where ${when}`, async () => {
    await using t = useSupply(wish);
    t.supply.watch();
    if (wish?.surroundings === undefined) {
      await t.announce("a");
      await eventually(() => t.membership.size === 1);
    }

    await t.clock.advance(600_000);

    assert.deepEqual(await t.said(), []);
  });
}

test("WorkerSupply says nothing where workers were found and have gone again", async () => {
  await using t = useSupply();
  t.supply.watch();
  await t.announce("a");
  await eventually(() => t.membership.size === 1);
  t.membership.quorumMet = true; // it was connected to
  await t.retract("a");
  await eventually(() => t.membership.size === 0);

  await t.clock.advance(600_000);

  assert.deepEqual(await t.said(), []);
});

test("WorkerSupply says nothing once it is closed", async () => {
  await using t = useSupply();
  t.supply.watch();

  t.supply.close();
  await t.clock.advance(600_000);

  assert.deepEqual(await t.said(), []);
});
