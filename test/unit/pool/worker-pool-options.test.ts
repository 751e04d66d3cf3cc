import assert from "node:assert/strict";
import { availableParallelism } from "node:os";
import { describe, test } from "node:test";
import fc from "fast-check";
import { LeastBusyBalancer } from "../../../src/balancer/least-busy-balancer.ts";
import { StaticDiscovery } from "../../../src/discovery/static-discovery.ts";
import { InvalidOptionError } from "../../../src/errors/invalid-option-error.ts";
import { WorkerPool } from "../../../src/pool/worker-pool.ts";
import { resolveWorkerPoolOptions, type WorkerPoolOptions } from "../../../src/pool/worker-pool-options.ts";

const discovery = new StaticDiscovery([]);
const MAX_TIMER_MS = 2 ** 31 - 1;

/** Resolves options of any shape, and gives the refusal. */
function refusalOf(options: unknown): InvalidOptionError {
  try {
    resolveWorkerPoolOptions(options as WorkerPoolOptions);
  } catch (error) {
    assert.ok(error instanceof InvalidOptionError, `not an InvalidOptionError but ${String(error)}`);
    return error;
  }
  throw new Error(`It was accepted: ${String(options)}`);
}

const notObject = fc.constantFrom<unknown>(null, 1, "x", true);
const notInteger = fc.oneof(
  fc.double().filter((value) => !Number.isSafeInteger(value)),
  fc.constantFrom<unknown>(null, "2", {}, [], true, 2n),
);
const notDuration = fc.oneof(
  fc.double({ max: -Number.MIN_VALUE, noNaN: true }),
  fc.double({ min: MAX_TIMER_MS + 1, noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom<unknown>(Number.NaN, null, "2", {}, true),
);
const notBoolean = fc.constantFrom<unknown>(null, 0, 1, "true", {});
const notTags = fc.constantFrom<unknown>(null, "blue", [""], [1], { 0: "blue" });

/** For each option, values that must be refused under its name, whatever else is right. */
const REFUSED: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  size: fc.oneof(
    notInteger.filter((value) => typeof value !== "object" || value === null || Array.isArray(value)), // no range
    fc.integer({ max: -1 }),
  ),
  lease: fc.oneof(notInteger, fc.integer({ max: -1 })),
  quorum: fc.oneof(notInteger, fc.integer({ max: -1 })),
  quorumTimeout: notDuration,
  shutdownTimeout: notDuration,
  killGrace: notDuration,
  ambient: notBoolean,
  respawn: notBoolean,
  lazy: notBoolean,
  tags: notTags,
  worker: fc.oneof(notObject, fc.constantFrom<unknown>({}, [])),
  balancer: fc.oneof(notObject, fc.constantFrom<unknown>({}, { delegate: 1 }, LeastBusyBalancer)),
  discovery: fc.oneof(
    notObject,
    fc.constantFrom<unknown>({}, { subscribe() {} }, { publisher() {} }, StaticDiscovery),
  ),
  extra: fc.oneof(
    notObject,
    fc.constantFrom<unknown>(
      ["zone"],
      { zone: 1 },
      { zone: undefined },
      { "merino.pool": "mine" },
      { ["x".repeat(257)]: "" },
      { x: "x".repeat(4_097) },
      Object.fromEntries(Array.from({ length: 256 }, (_, n) => [`k${n}`, ""])),
    ),
  ),
};

describe("resolveWorkerPoolOptions", () => {
  for (const [option, values] of Object.entries(REFUSED)) {
    test(`refuses a bad ${option} with its name, its value and what was expected`, () => {
      fc.assert(
        fc.property(values, (value) => {
          const error = refusalOf({ size: 2, [option]: value });

          assert.equal(error.option, option);
          assert.ok(Object.is(error.value, value), `${String(error.value)} is not ${String(value)}`);
          assert.notEqual(error.expected, "");
          assert.equal(error.code, "ERR_MERINO_INVALID_OPTION");
          assert.ok(error instanceof RangeError);
        }),
      );
    });
  }

  test("refuses what is no object", () => {
    for (const value of [null, 1, "x"]) assert.equal(refusalOf(value).option, "options");
  });

  test("accepts every combination of good values, and keeps them", () => {
    const option = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });
    const durations = fc.oneof(
      fc.double({ min: 0, max: MAX_TIMER_MS, noNaN: true }),
      fc.constant(Number.POSITIVE_INFINITY),
    );
    const options = fc.record({
      size: option(fc.nat(64)),
      lease: option(fc.integer({ min: 1, max: 64 })),
      discovery: option(fc.constant(discovery)),
      tags: option(fc.array(fc.string({ minLength: 1 }))),
      worker: option(fc.constant(() => assert.fail("started"))),
      balancer: option(fc.constant(new LeastBusyBalancer())),
      quorum: option(fc.constantFrom(0, 1)),
      quorumTimeout: option(durations),
      shutdownTimeout: option(durations),
      killGrace: option(durations),
      maxQueue: option(fc.nat(1_000)),
      lazy: option(fc.boolean()),
      ambient: option(fc.boolean()),
      respawn: option(fc.boolean()),
    });
    fc.assert(
      fc.property(options, (given) => {
        const resolved = resolveWorkerPoolOptions(given);

        const size = given.size ?? (given.discovery === undefined ? 0 : undefined);
        assert.equal(resolved.size, size === undefined ? 0 : size === 0 ? availableParallelism() : size);
        assert.equal(
          resolved.proxy.lease,
          given.lease === undefined ? undefined : resolved.size + given.lease,
        );
        assert.equal(resolved.shutdownTimeoutMs, given.shutdownTimeout ?? 60_000);
        assert.equal(resolved.startTimeoutMs, given.quorumTimeout ?? 60_000);
        assert.equal(resolved.killGraceMs, given.killGrace ?? 5_000);
        assert.deepEqual(resolved.proxy, {
          discovery: given.discovery,
          credentials: undefined,
          build: undefined,
          lease: resolved.proxy.lease,
          balancer: given.balancer,
          quorum: given.quorum,
          quorumTimeout: given.quorumTimeout,
          maxQueue: given.maxQueue,
          overflow: undefined,
          tags: given.tags ?? [],
          lazy: given.lazy,
          killGrace: given.killGrace,
        });
        assert.equal(resolved.ambient, given.ambient ?? true);
        assert.equal(resolved.respawn, given.respawn ?? true);
        assert.deepEqual(resolved.tags, given.tags ?? []);
      }),
    );
  });

  test("shares nothing with what it was given", () => {
    const tags = ["blue"];
    const extra: Record<string, string> = { zone: "a" };

    const resolved = resolveWorkerPoolOptions({ size: 1, tags, extra });
    tags.push("red");
    extra.zone = "b";

    assert.deepEqual(resolved.tags, ["blue"]);
    assert.deepEqual(resolved.extra, { zone: "a" });
  });

  test("takes entries of records up to their bounds", () => {
    const extra = Object.fromEntries(Array.from({ length: 255 }, (_, n) => [`k${n}`, "x".repeat(4_096)]));

    assert.deepEqual(resolveWorkerPoolOptions({ extra }).extra, extra);
    assert.deepEqual(resolveWorkerPoolOptions({}).extra, {});
  });

  test("allows a lease of 0 only where workers are spawned", () => {
    assert.equal(resolveWorkerPoolOptions({ size: 2, lease: 0 }).proxy.lease, 2);
    assert.equal(resolveWorkerPoolOptions({ size: 2, lease: 0, discovery }).proxy.lease, 2);
    assert.equal(resolveWorkerPoolOptions({ size: 0, lease: 0 }).proxy.lease, availableParallelism());
    assert.equal(refusalOf({ lease: 0, discovery }).option, "lease");
  });

  test("takes a range of sizes, and the most of it wherever a size counts", () => {
    const range = { min: 0, max: 3 };

    const resolved = resolveWorkerPoolOptions({ size: range, lease: 2, discovery, quorum: 5 });
    assert.deepEqual([resolved.size, resolved.range?.min, resolved.proxy.lease], [3, 0, 5]);
    assert.equal(refusalOf({ size: range, quorum: 4 }).option, "quorum");
    assert.equal(refusalOf({ size: { min: 4, max: 3 } }).option, "size.max");
    assert.equal(refusalOf({ size: range, local: true }).option, "size");
    assert.equal(resolveWorkerPoolOptions({ size: range, lease: 0 }).proxy.lease, 3);
    assert.equal(resolveWorkerPoolOptions({ size: 3 }).range, undefined);
    assert.equal(resolveWorkerPoolOptions({ size: {} }).size, availableParallelism());
  });

  test("takes limits for workers that it spawns, and for no others", () => {
    const recycle = { calls: 50 };

    assert.equal(resolveWorkerPoolOptions({ size: 1, recycle }).recycle?.calls, 50);
    assert.equal(resolveWorkerPoolOptions({ size: { min: 0 }, recycle }).recycle?.jitter, 0.2);
    assert.equal(resolveWorkerPoolOptions({ size: 1 }).recycle, undefined);
    assert.equal(refusalOf({ size: 1, recycle: {} }).option, "recycle");
    assert.equal(refusalOf({ size: 1, recycle: { calls: 0 } }).option, "recycle.calls");
    assert.equal(refusalOf({ discovery, recycle }).option, "recycle");
    assert.equal(refusalOf({ local: true, recycle }).option, "recycle");
  });

  test("refuses a quorum above what the pool can ever have", () => {
    for (const [options, most] of [
      [{ size: 2 }, 2],
      [{ size: 2, lease: 3 }, 5],
      [{ size: 2, lease: 3, discovery }, 5],
      [{ lease: 3, discovery }, 3],
    ] as const) {
      assert.equal(resolveWorkerPoolOptions({ ...options, quorum: most }).proxy.quorum, most);
      const error = refusalOf({ ...options, quorum: most + 1 });
      assert.deepEqual({ option: error.option, value: error.value }, { option: "quorum", value: most + 1 });
    }
    assert.equal(resolveWorkerPoolOptions({ discovery, quorum: 1_000 }).proxy.quorum, 1_000);
    assert.equal(resolveWorkerPoolOptions({ size: 1, discovery, quorum: 1_000 }).proxy.quorum, 1_000);
  });
});

describe("the constructor of WorkerPool", () => {
  test("throws before anything starts", () => {
    let made = 0;
    const worker = () => {
      made += 1;
      throw new Error("started");
    };

    assert.throws(() => new WorkerPool({ size: -1, worker }), { option: "size", value: -1 });
    assert.throws(() => new WorkerPool({ size: 1, quorum: 2, worker }), { option: "quorum" });
    assert.equal(made, 0);
  });

  test("hands the proxy the size and the lease together", () => {
    assert.equal(new WorkerPool({ size: 2, lease: 3 }).proxy.lease, 5);
    assert.equal(new WorkerPool({ size: 2, lease: 0 }).proxy.lease, 2);
    assert.equal(new WorkerPool({ size: 2 }).proxy.lease, undefined);
    assert.equal(new WorkerPool({ lease: 4, discovery }).proxy.lease, 4);
    assert.equal(new WorkerPool({ discovery }).proxy.lease, undefined);
  });
});
