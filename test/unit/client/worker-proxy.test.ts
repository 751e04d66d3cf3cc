/** What a proxy tells its discovery, what it has made, and what it tells of itself. Nobody listens at the addresses: what counts is what becomes of that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LeastBusyBalancer } from "../../../src/balancer/least-busy-balancer.ts";
import { WorkerProxy } from "../../../src/client/worker-proxy.ts";
import type { SubscribeOptions } from "../../../src/discovery/discovery.ts";
import type { WorkerMetadata } from "../../../src/wire/worker-metadata.ts";
import { eventually } from "../../support/eventually.ts";
import { MemoryDiscovery } from "../../support/memory-discovery.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

/** Announces a worker that nobody can reach. */
async function announce(discovery: MemoryDiscovery, uid: string): Promise<AsyncDisposable> {
  const publisher = discovery.publisher();
  const worker = workerMetadata({ uid, address: `unix:/nowhere/${uid}` });
  await publisher.publish({ type: "worker-added", worker });
  return { [Symbol.asyncDispose]: () => publisher.close() };
}

test("WorkerProxy tells its discovery of a worker that cannot be reached, each time", async () => {
  using _warnings = useWarnings();
  const told: string[] = [];
  class Told extends MemoryDiscovery {
    recheck({ uid }: WorkerMetadata): void {
      told.push(uid);
    }
  }
  const discovery = new Told();
  await using _announced = await announce(discovery, "told");
  await using _proxy = await WorkerProxy.open({ discovery, lazy: false });

  await eventually(() => told.length >= 2);

  assert.deepEqual(told.slice(0, 2), ["told", "told"]);
});

test("WorkerProxy goes on when its discovery fails at being told, and says so once", async () => {
  using warnings = useWarnings();
  let told = 0;
  class Broken extends MemoryDiscovery {
    async recheck(): Promise<void> {
      told += 1;
      throw new Error("not today");
    }
  }
  const discovery = new Broken();
  await using _announced = await announce(discovery, "broken");
  await using proxy = await WorkerProxy.open({ discovery, lazy: false });

  await eventually(() => told >= 3);

  assert.equal(warnings.codes.filter((code) => code === "MERINO_DISCOVERY").length, 1);
  assert.deepEqual(
    proxy.workers.map(({ uid }) => uid),
    ["broken"],
  );
});

test("WorkerProxy tells its quorum, its quorumTimeout, and whether it is in use", async () => {
  const discovery = new MemoryDiscovery();
  const lazy = new WorkerProxy({ discovery, quorum: 2, quorumTimeout: 5 });
  const eager = new WorkerProxy({ discovery, lazy: false });

  assert.deepEqual([lazy.quorum, lazy.quorumTimeout, eager.quorum, eager.quorumTimeout], [2, 5, 1, 60_000]);
  assert.deepEqual([lazy.started, eager.started], [false, false]);
  await Promise.all([lazy.open(), eager.open()]);
  assert.deepEqual([lazy.started, eager.started], [false, true]);
  assert.ok(lazy.dispatcher !== undefined); // as a call asks for it
  assert.equal(lazy.started, true);
  await Promise.all([lazy.close(), eager.close()]);
  assert.deepEqual([lazy.started, eager.started], [false, false]);
});

test("WorkerProxy has its discovery and its balancer made once, uses them, and closes them in the end", async () => {
  using _warnings = useWarnings();
  const log: string[] = [];
  class Made extends MemoryDiscovery {
    override subscribe(options?: SubscribeOptions) {
      log.push("subscribe");
      return super.subscribe(options);
    }
    async [Symbol.asyncDispose](): Promise<void> {
      log.push("close discovery");
    }
  }
  const discovery = new Made();
  const balancer = Object.assign(new LeastBusyBalancer(), { close: () => void log.push("close balancer") });
  await using _announced = await announce(discovery, "made");
  const proxy = new WorkerProxy({
    discovery: async () => {
      log.push("make discovery");
      return discovery;
    },
    balancer: () => {
      log.push("make balancer");
      return balancer;
    },
    lazy: false,
  });
  assert.deepEqual(log, []);
  const opening = proxy.open();
  assert.throws(() => proxy.dispatcher, { code: "ERR_MERINO_POOL_CLOSED" });

  await opening;
  await eventually(() => proxy.workers.length === 1);
  await proxy.close();
  await proxy.close();

  assert.deepEqual(log, [
    "make discovery",
    "make balancer",
    "subscribe",
    "close balancer",
    "close discovery",
  ]);
});

test("WorkerProxy does not close a discovery that it was given", async () => {
  const discovery = Object.assign(new MemoryDiscovery(), { close: () => assert.fail("it was closed") });

  await using proxy = await WorkerProxy.open({ discovery, lazy: false });

  assert.equal(proxy.started, true);
});
