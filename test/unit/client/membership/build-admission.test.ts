/** Who is admitted by its build, through a proxy and a pool. Nobody listens at the addresses: what counts is who is a member. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { WorkerProxy } from "../../../../src/client/worker-proxy.ts";
import { WorkerPool } from "../../../../src/pool/worker-pool.ts";
import type { WorkerMetadata } from "../../../../src/wire/worker-metadata.ts";
import { eventually } from "../../../support/eventually.ts";
import { MemoryDiscovery } from "../../../support/memory-discovery.ts";
import { useEnvironment } from "../../../support/use-environment.ts";
import { useWarnings } from "../../../support/use-warnings.ts";
import { workerMetadata } from "../../../support/worker-metadata.ts";

function of(build: string | undefined, uid = build ?? "silent"): WorkerMetadata {
  const address = `unix:/nowhere/${uid}`;
  return workerMetadata({ uid, address, ...(build !== undefined && { build }) });
}

function uids({ workers }: { readonly workers: readonly WorkerMetadata[] }): readonly string[] {
  return workers.map(({ uid }) => uid).sort();
}

test("a proxy with build: 'same' admits its own build only, and says why of the others", async () => {
  using environment = useEnvironment();
  using _warnings = useWarnings();
  environment.set("MERINO_BUILD", "b");
  const discovery = new MemoryDiscovery();
  const publisher = discovery.publisher();
  for (const worker of [of("a"), of("b"), of(undefined)]) {
    await publisher.publish({ type: "worker-added", worker });
  }

  await using proxy = await WorkerProxy.open({ discovery, build: "same", lazy: false });
  await eventually(() => proxy.explain().refused.length === 2);

  assert.deepEqual(uids(proxy), ["b"]);
  assert.deepEqual(
    proxy.explain().refused.map(({ uid, reason }) => [uid, reason]),
    [
      ["a", "build"],
      ["silent", "build"],
    ],
  );
});

test("workers of another build take no place of a lease", async () => {
  using _warnings = useWarnings();
  const discovery = new MemoryDiscovery();
  const publisher = discovery.publisher();
  for (const uid of ["1", "2", "3", "4"]) {
    await publisher.publish({ type: "worker-added", worker: of("a", `a${uid}`) });
  }
  await using proxy = await WorkerProxy.open({
    discovery,
    build: (build) => build === "b",
    lease: 2,
    lazy: false,
  });
  await eventually(() => proxy.explain().refused.length === 4);

  for (const uid of ["1", "2", "3"]) {
    await publisher.publish({ type: "worker-added", worker: of("b", `b${uid}`) });
  }
  await eventually(() => proxy.explain().refused.length === 5);

  assert.deepEqual(uids(proxy), ["b1", "b2"]);
  const reasons = proxy.explain().refused.map(({ uid, reason }) => `${uid} ${reason}`);
  assert.deepEqual(reasons.sort(), ["a1 build", "a2 build", "a3 build", "a4 build", "b3 capacity"]);
});

test("a worker is judged again when its record says another build, and leaves and returns by that", async () => {
  using _warnings = useWarnings();
  const discovery = new MemoryDiscovery();
  const publisher = discovery.publisher();
  await publisher.publish({ type: "worker-added", worker: of("b", "w") });
  await using proxy = await WorkerProxy.open({ discovery, build: (build) => build === "b", lazy: false });
  await eventually(() => proxy.workers.length === 1);

  await publisher.publish({ type: "worker-updated", worker: of("a", "w") });
  await eventually(() => proxy.explain().refused[0]?.reason === "build");
  assert.deepEqual(uids(proxy), []);

  await publisher.publish({ type: "worker-updated", worker: of("b", "w") });
  await eventually(() => proxy.workers.length === 1);
  assert.deepEqual(proxy.explain().refused, []);
});

test("a pool whose function throws goes without the worker, and its calls say so", async () => {
  using warnings = useWarnings();
  const discovery = new MemoryDiscovery();
  const publisher = discovery.publisher();
  for (const build of ["a", "b"]) await publisher.publish({ type: "worker-added", worker: of(build) });

  await using pool = await WorkerPool.open({
    discovery,
    build: () => {
      throw new Error("out of order");
    },
    lazy: false,
    ambient: false,
  });
  const { refused } = await eventually(() => {
    const explanation = pool.explain();
    return explanation.refused.length === 2 ? explanation : undefined;
  });

  assert.deepEqual(
    refused.map(({ reason }) => reason),
    ["build", "build"],
  );
  for (const { detail } of refused) assert.match(detail, /has thrown: out of order/);
  assert.deepEqual(warnings.codes.filter((code) => code === "MERINO_BUILD_FAILED").length, 1);
});

test("a pool refuses build: 'same' where the process has none, before anything is started", () => {
  using environment = useEnvironment();
  environment.set("MERINO_BUILD");

  for (const make of [
    () => new WorkerPool({ size: 1, build: "same" }),
    () => new WorkerProxy({ namespace: "n", build: "same" }),
  ]) {
    assert.throws(make, { code: "ERR_MERINO_INVALID_OPTION", option: "build" });
  }
});
