/** What a proxy tells its discovery. Nobody listens at the addresses: what counts is what becomes of that. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerProxy } from "../../../src/client/worker-proxy.ts";
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
