/** The lease from the options of a pool to the workers that its proxy admits, in each mode. Nothing is started but discovery. */
import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, test } from "node:test";
import fc from "fast-check";
import { decodeProxyDescriptor, encodeProxyDescriptor } from "../../../src/client/proxy-descriptor.ts";
import { WorkerProxy } from "../../../src/client/worker-proxy.ts";
import { InvalidOptionError } from "../../../src/errors/invalid-option-error.ts";
import { PayloadError } from "../../../src/errors/payload-error.ts";
import { WorkerPool } from "../../../src/pool/worker-pool.ts";
import type { WorkerMetadata } from "../../../src/wire/worker-metadata.ts";
import { eventually } from "../../support/eventually.ts";
import { MemoryDiscovery } from "../../support/memory-discovery.ts";
import { workerMetadata } from "../../support/worker-metadata.ts";

const discovery = new MemoryDiscovery();
const sizes = fc.integer({ min: 1, max: 512 });
const leases = fc.nat(100_000);
const negative = fc.integer({ max: -1 });

function refused(make: () => unknown, lease: number): void {
  assert.throws(
    make,
    (error) => error instanceof InvalidOptionError && error.option === "lease" && error.value === lease,
  );
}

function named(uid: string, record: Partial<WorkerMetadata> = {}): WorkerMetadata {
  // Nobody listens there: what counts here is who is admitted.
  return workerMetadata({ uid, address: `unix:/nowhere/${uid}`, ...record });
}

/** A pool of that many workers at most: always, or as there is work for them. */
const SIZES = {
  "a fixed size": (most: number) => most,
  "a range from 0": (max: number) => ({ min: 0, max }),
  "a range from its most": (max: number) => ({ min: max, max }),
} as const;

for (const [kind, sized] of Object.entries(SIZES))
  describe(`the lease of a pool with ${kind}`, () => {
    test("is added to the size wherever workers are spawned, from 0 on", () => {
      fc.assert(
        fc.property(sizes, leases, (size, lease) => {
          assert.equal(new WorkerPool({ size: sized(size), lease }).proxy.lease, size + lease);
          assert.equal(new WorkerPool({ size: sized(size), lease, discovery }).proxy.lease, size + lease);
        }),
      );
    });

    test("is added to the number of CPUs in default mode, and where the size is 0", () => {
      fc.assert(
        fc.property(leases, (lease) => {
          const total = availableParallelism() + lease;
          assert.equal(new WorkerPool({ size: kind === "a fixed size" ? 0 : {}, lease }).proxy.lease, total);
          assert.equal(new WorkerPool({ lease }).proxy.lease, total);
          assert.equal(new WorkerPool({ size: 0, lease }).proxy.lease, total);
          assert.equal(new WorkerPool({ size: 0, lease, discovery }).proxy.lease, total);
        }),
      );
    });

    test("is all there is in durable mode, from 1 on", () => {
      fc.assert(
        fc.property(fc.integer({ min: 1, max: 100_000 }), (lease) => {
          assert.equal(new WorkerPool({ discovery, lease }).proxy.lease, lease);
        }),
      );
      refused(() => new WorkerPool({ discovery, lease: 0 }), 0);
    });

    test("follows the same rules where a function makes the discovery", () => {
      for (const made of [() => discovery, async () => discovery]) {
        fc.assert(
          fc.property(sizes, leases, (size, lease) => {
            assert.equal(
              new WorkerPool({ size: sized(size), lease, discovery: made }).proxy.lease,
              size + lease,
            );
          }),
        );
        assert.equal(new WorkerPool({ lease: 3, discovery: made }).proxy.lease, 3);
        assert.equal(new WorkerPool({ discovery: made }).stats().size, 0);
        refused(() => new WorkerPool({ lease: 0, discovery: made }), 0);
        refused(() => new WorkerPool({ size: sized(1), lease: -1, discovery: made }), -1);
        refused(() => new WorkerProxy({ lease: 0, discovery: made }), 0);
        assert.throws(() => new WorkerPool({ size: sized(1), lease: 1, quorum: 3, discovery: made }), {
          option: "quorum",
        });
      }
    });

    test("is no limit when it is left out", () => {
      for (const options of [{}, { size: sized(2) }, { discovery }, { size: sized(2), discovery }]) {
        assert.equal(new WorkerPool(options).proxy.lease, undefined);
      }
    });

    test("is refused below 0 in every mode, and below 1 by the proxy itself", () => {
      fc.assert(
        fc.property(sizes, negative, (size, lease) => {
          refused(() => new WorkerPool({ lease }), lease);
          refused(() => new WorkerPool({ size: sized(size), lease }), lease);
          refused(() => new WorkerPool({ discovery, lease }), lease);
          refused(() => new WorkerPool({ size: sized(size), discovery, lease }), lease);
          refused(() => new WorkerProxy({ discovery, lease }), lease);
        }),
      );
      refused(() => new WorkerProxy({ discovery, lease: 0 }), 0);
      assert.equal(new WorkerProxy({ discovery, lease: 5 }).lease, 5);
    });

    test("bounds the quorum together with the size", () => {
      fc.assert(
        fc.property(sizes, leases, fc.nat(200_000), (size, lease, quorum) => {
          const make = (): WorkerPool => new WorkerPool({ size: sized(size), lease, discovery, quorum });
          if (quorum <= size + lease) assert.equal(make().explain().quorum, quorum);
          else assert.throws(make, { option: "quorum", value: quorum });
        }),
      );
    });

    test("survives the trip to a worker", () => {
      fc.assert(
        fc.property(fc.option(fc.integer({ min: 1 }), { nil: undefined }), (lease) => {
          const descriptor = {
            id: "p",
            discovery: { kind: "local", parameters: { namespace: "n" } },
            killGraceMs: 5,
          };

          const restored = decodeProxyDescriptor(encodeProxyDescriptor({ ...descriptor, lease }));

          assert.equal(restored.lease, lease);
        }),
      );
      for (const lease of [0, -1, 1.5, "2"]) {
        const hostile = Buffer.from(JSON.stringify({ id: "p", killGraceMs: 5, lease }));
        assert.throws(() => decodeProxyDescriptor(hostile), PayloadError);
      }
    });
  });

describe("a proxy with a lease", () => {
  test("admits two of three, takes news of those, and fills a place that becomes free", async () => {
    const source = new MemoryDiscovery();
    const publisher = source.publisher();
    await using proxy = await WorkerProxy.open({ discovery: source, lease: 2, lazy: false });
    const uids = (): string[] => proxy.workers.map(({ uid }) => uid);
    for (const uid of ["a", "b", "c"]) await publisher.publish({ type: "worker-added", worker: named(uid) });
    await eventually(() => proxy.explain().refused.length === 1);
    assert.deepEqual(uids(), ["a", "b"]);

    await publisher.publish({ type: "worker-updated", worker: named("a", { tags: ["new"] }) });
    await publisher.publish({ type: "worker-updated", worker: named("c", { tags: ["new"] }) });
    await eventually(() => proxy.workers[0]?.tags.includes("new"));
    assert.deepEqual(uids(), ["a", "b"]);
    await publisher.publish({ type: "worker-dropped", worker: named("b") });
    await eventually(() => uids().length === 2 && uids().includes("c"));

    assert.deepEqual(uids(), ["a", "c"]);
    assert.deepEqual(proxy.workers[1]?.tags, ["new"]);
    await publisher.close();
  });

  test("admits all three without one", async () => {
    const source = new MemoryDiscovery();
    const publisher = source.publisher();
    await using proxy = await WorkerProxy.open({ discovery: source, lazy: false });

    for (const uid of ["a", "b", "c"]) await publisher.publish({ type: "worker-added", worker: named(uid) });

    await eventually(() => proxy.workers.length === 3);
    await publisher.close();
  });

  test("counts no worker that a rule keeps out", async () => {
    const source = new MemoryDiscovery();
    const publisher = source.publisher();
    await using proxy = await WorkerProxy.open({ discovery: source, lease: 1, lazy: false });

    await publisher.publish({ type: "worker-added", worker: named("old", { version: "99.0.0" }) });
    await publisher.publish({ type: "worker-added", worker: named("foreign", { codecs: ["pickle"] }) });
    await publisher.publish({ type: "worker-added", worker: named("fits") });

    await eventually(() => proxy.workers.length === 1);
    assert.equal(proxy.workers[0]?.uid, "fits");
    assert.deepEqual(
      proxy.explain().refused.map(({ uid, reason }) => `${uid} ${reason}`),
      ["old version", "foreign codec"],
    );
    await publisher.close();
  });
});
