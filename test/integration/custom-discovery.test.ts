/** Proxies over discoveries that users have written, well and badly. The workers and the calls are real. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Discovery, DiscoveryEvent, WorkerMetadata, WorkerProxyOptions } from "merino";
import { WorkerPool, WorkerProxy } from "merino";
import { eventually } from "../support/eventually.ts";
import { handWrittenDiscovery } from "../support/hand-written-discovery.ts";
import { leakCheck } from "../support/leak-check.ts";
import { useWarnings } from "../support/use-warnings.ts";
import { add, home } from "./fixtures/pool-routines.ts";

/** Two workers for others to find. */
function startFarm(): Promise<WorkerPool> {
  return WorkerPool.open({ size: 2, ambient: false });
}

function open(discovery: Discovery, options: Partial<WorkerProxyOptions> = {}): Promise<WorkerProxy> {
  return WorkerProxy.open({ discovery, lazy: false, quorumTimeout: 20_000, ...options });
}

/** A discovery of which nothing is sound but that it is an object with both methods. */
function discoveryOf(subscribe: (signal: AbortSignal) => unknown): Discovery {
  return {
    publisher: () => ({ publish: async () => {}, close: async () => {} }),
    subscribe: (options) => subscribe(options?.signal as AbortSignal) as AsyncIterable<DiscoveryEvent>,
  };
}

function fired(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
}

function workersOf(farm: WorkerPool): readonly [WorkerMetadata, WorkerMetadata] {
  const [first, second] = farm.workers;
  assert.ok(first !== undefined && second !== undefined);
  return [first, second];
}

test("a proxy finds workers through a hand-written discovery, and follows what becomes of them", async () => {
  await using _leaks = leakCheck();
  await using farm = await startFarm();
  const [first, second] = workersOf(farm);
  const discovery = handWrittenDiscovery();
  const publisher = discovery.publisher();
  await publisher.publish({ type: "worker-added", worker: first });
  await using proxy = await open(discovery);

  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
  assert.equal(await home.with({ pool: proxy })(), first.uid);
  await publisher.publish({ type: "worker-updated", worker: { ...first, tags: ["gpu"] } });
  await eventually(() => proxy.workers[0]?.tags.includes("gpu"));
  await publisher.publish({ type: "worker-added", worker: second });
  await publisher.publish({ type: "worker-dropped", worker: first });
  await eventually(() => proxy.workers.length === 1 && proxy.workers[0]?.uid === second.uid);
  assert.equal(await home.with({ pool: proxy })(), second.uid);
  await publisher.close();
  await eventually(() => proxy.workers.length === 0);
});

test("a proxy holds to its lease with a hand-written discovery", async () => {
  await using _leaks = leakCheck();
  await using farm = await startFarm();
  const discovery = handWrittenDiscovery();
  const publisher = discovery.publisher();
  for (const worker of farm.workers) await publisher.publish({ type: "worker-added", worker });
  await using proxy = await open(discovery, { lease: 1 });
  const [first, second] = workersOf(farm);

  assert.equal(await home.with({ pool: proxy })(), first.uid);
  assert.equal(proxy.workers.length, 1);
  await publisher.publish({ type: "worker-dropped", worker: first });
  await eventually(() => proxy.workers[0]?.uid === second.uid);
});

test("a proxy skips malformed events, says so, and serves calls through the workers that are well described", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  await using farm = await startFarm();
  const [first] = workersOf(farm);
  const discovery = discoveryOf(async function* (signal) {
    yield* [null, 7, {}, { type: "worker-added" }, { type: "worker-added", worker: 7 }];
    yield { type: "worker-added", worker: { ...first, uid: "half", tags: "gpu" } };
    yield { type: "worker-vanished", worker: first };
    yield { type: "worker-added", worker: first };
    yield undefined;
    await fired(signal);
  });
  await using proxy = await open(discovery);

  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
  assert.deepEqual(
    proxy.workers.map(({ uid }) => uid),
    [first.uid],
  );
  // Those that name nobody, 'half', and the first one's unknown type.
  assert.deepEqual(warnings.codes, new Array(3).fill("MERINO_BAD_ADVERTISEMENT"));
});

test("a proxy goes on with the workers it knows when its discovery fails midway", async () => {
  await using _leaks = leakCheck();
  await using farm = await startFarm();
  const [first] = workersOf(farm);
  let failed = false;
  const discovery = discoveryOf(async function* () {
    yield { type: "worker-added", worker: first };
    failed = true;
    throw new Error("the registry is gone");
  });
  await using proxy = await open(discovery);
  await eventually(() => failed);

  assert.equal(await add.with({ pool: proxy })(1, 2), 3);
});

test("a call through a discovery that fails at once is rejected with what it said, and does not wait", async () => {
  await using _leaks = leakCheck();
  const failures: Record<string, () => unknown> = {
    throws: () => {
      throw new Error("no registry");
    },
    rejects: async function* () {
      yield* [];
      throw new Error("no registry");
    },
    promise: async () => [],
    nothing: () => undefined,
  };
  for (const [name, subscribe] of Object.entries(failures)) {
    await using proxy = await open(discoveryOf(subscribe));

    await assert.rejects(
      add.with({ pool: proxy, timeout: 10_000 })(1, 2),
      (error: Error & { code?: string }) =>
        error.code === "ERR_MERINO_NO_WORKERS" && error.cause instanceof Error,
      name,
    );
  }
});

test("a call through a discovery that has ended without a worker does not wait for one", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  await using proxy = await open(
    discoveryOf(async function* () {
      yield* [];
    }),
  );

  await assert.rejects(add.with({ pool: proxy, timeout: 10_000 })(1, 2), { code: "ERR_MERINO_NO_WORKERS" });
  assert.deepEqual(warnings.codes, ["MERINO_DISCOVERY"]);
});

test("a proxy closes though its discovery ignores the signal", async () => {
  await using _leaks = leakCheck();
  await using farm = await startFarm();
  const [first] = workersOf(farm);
  const proxy = await open(
    discoveryOf(async function* () {
      yield { type: "worker-added", worker: first };
      await new Promise(() => {});
    }),
  );
  assert.equal(await add.with({ pool: proxy })(1, 2), 3);

  // It does, or the test's own time limit says otherwise.
  await proxy.close();
});

test("a pool opens and closes though the publisher of its discovery never answers", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  const never = (): Promise<void> => new Promise(() => {});
  const discovery: Discovery = {
    publisher: () => ({ publish: never, close: never }),
    subscribe: discoveryOf(async function* (signal) {
      yield* [];
      await fired(signal);
    }).subscribe,
  };
  const pool = await WorkerPool.open({ size: 1, discovery, ambient: false });
  assert.equal(await add.with({ pool })(1, 2), 3);

  // It does, or the test's own time limit says otherwise.
  await pool.close();

  await eventually(() => warnings.codes.includes("MERINO_PUBLISH_FAILED"));
});

test("a pool serves its program though the publisher of its discovery throws at once", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  const refuse = (): never => {
    throw new Error("no registry");
  };
  const discovery: Discovery = {
    publisher: () => ({ publish: refuse, close: refuse }),
    subscribe: discoveryOf(async function* (signal) {
      yield* [];
      await fired(signal);
    }).subscribe,
  };
  const pool = await WorkerPool.open({ size: 1, discovery, ambient: false });

  assert.equal(await add.with({ pool })(1, 2), 3);
  await pool.close();

  await eventually(() => warnings.codes.includes("MERINO_PUBLISH_FAILED"));
});
