/** The four modes of a pool and the proxy alone, with real workers: who is spawned, who is found, who is held. */
import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { availableParallelism } from "node:os";
import { describe, test } from "node:test";
import { fileURLToPath } from "node:url";
import {
  type Discovery,
  InvalidOptionError,
  LocalDiscovery,
  NoWorkersAvailableError,
  PoolClosedError,
  RoundRobinBalancer,
  StaticDiscovery,
  version,
  type WorkerMetadata,
  WorkerPool,
  WorkerProxy,
} from "merino";
import { NOTICE_AFTER_MS } from "../../src/client/nothing-found.ts";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { TYPESCRIPT_FLAGS } from "../support/typescript-flags.ts";
import { useWarnings } from "../support/use-warnings.ts";
import { add, home, nestedHome, snooze } from "./fixtures/pool-routines.ts";
import {
  collectEvents,
  isAlive,
  loseWorker,
  ofType,
  rejection,
  WORKER_KINDS,
} from "./fixtures/pool-support.ts";

/** A pool of workers for others to find. */
function openFarm(namespace: string, size: number): Promise<WorkerPool> {
  return WorkerPool.open({ size, lease: 0, discovery: new LocalDiscovery(namespace), ambient: false });
}

function uidsOf(workers: readonly WorkerMetadata[]): string[] {
  return workers.map(({ uid }) => uid).sort();
}

describe("a durable pool", () => {
  test("calls workers that another pool has spawned, spawns none, and leaves them running", async () => {
    await using _ = leakCheck();
    await using farm = await openFarm("durable", 3);
    await using pool = await WorkerPool.open({
      discovery: new LocalDiscovery("durable"),
      lease: 2,
      quorum: 2,
      ambient: false,
    });

    const homes = await Promise.all(Array.from({ length: 30 }, () => snooze.with({ pool })(5)));
    await eventually(() => pool.explain().refused.length === 1);

    assert.equal(pool.stats().size, 0);
    assert.equal(pool.proxy.lease, 2);
    assert.deepEqual([...new Set(homes)].sort(), uidsOf(pool.workers));
    assert.deepEqual(
      pool.explain().refused.map(({ reason }) => reason),
      ["capacity"],
    );
    await pool.close();
    assert.ok(farm.workers.every(({ pid }) => isAlive(pid)));
    assert.equal(await add.with({ pool: farm })(1, 2), 3);
  });

  test("is opened by another process, which holds to its lease", async () => {
    await using _ = leakCheck();
    await using farm = await openFarm("elsewhere", 3);
    const program = fileURLToPath(new URL("./fixtures/pool-caller.ts", import.meta.url));
    const { NODE_TEST_CONTEXT: _context, ...env } = process.env;
    const caller = fork(program, ["elsewhere", "2"], { execArgv: [...TYPESCRIPT_FLAGS], env });
    const exited = once(caller, "exit");
    try {
      const [seen] = (await Promise.race([
        once(caller, "message"),
        exited.then(([code]) => Promise.reject(new Error(`it ended early, code ${code}`))),
      ])) as [{ homes: string[]; members: string[]; refused: string[]; lease: number }];

      assert.equal(seen.lease, 2);
      assert.equal(seen.members.length, 2);
      assert.deepEqual(seen.refused, ["capacity"]);
      const all = uidsOf(farm.workers);
      assert.ok([...seen.members, ...seen.homes].every((worker) => all.includes(worker)));
      assert.deepEqual(await exited, [0, null]);
    } finally {
      caller.kill("SIGKILL");
      await exited;
    }
  });

  test("keeps to its lease in its workers too: nested calls reach no more of them", async () => {
    await using _ = leakCheck();
    await using _farm = await openFarm("nested-lease", 3);
    await using pool = await WorkerPool.open({
      discovery: new LocalDiscovery("nested-lease"),
      lease: 1,
      ambient: false,
    });

    const calls = await Promise.all(Array.from({ length: 40 }, () => nestedHome.with({ pool })()));

    // One worker is held here, and one, the same or another, by the proxy restored there.
    assert.equal(new Set(calls.map(({ outer }) => outer)).size, 1);
    assert.equal(new Set(calls.map(({ inner }) => inner)).size, 1);
  });

  test("takes a worker that comes later, and lets one go that leaves", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ discovery: new LocalDiscovery("coming"), ambient: false });
    const early = home.with({ pool })(); // waits until somebody is there

    const farm = await openFarm("coming", 1);
    await using _farm = farm;
    assert.equal(await early, farm.workers[0]?.uid);
    await farm.close();

    await eventually(() => pool.workers.length === 0, { withinMs: 10_000 });
  });
});

describe("a proxy alone", () => {
  test("calls the workers of a list, a namespace or a discovery", async () => {
    await using _ = leakCheck();
    await using farm = await openFarm("proxy-alone", 1);
    const { workers } = farm;

    for (const source of [
      { workers },
      { namespace: "proxy-alone" },
      { discovery: new StaticDiscovery(workers) },
    ]) {
      await using proxy = await WorkerProxy.open(source);
      assert.equal(await home.with({ pool: proxy })(), workers[0]?.uid);
      assert.equal(proxy.explain().members[0]?.version, workers[0]?.version);
    }
  });

  test("finds nothing before its first call unless it is told to", async () => {
    await using _ = leakCheck();
    await using farm = await openFarm("lazy", 1);
    await using lazy = await WorkerProxy.open({ namespace: "lazy" });
    await using eager = await WorkerProxy.open({ namespace: "lazy", lazy: false });

    await eventually(() => eager.workers.length === 1);

    assert.equal(lazy.workers.length, 0);
    assert.equal(await home.with({ pool: lazy })(), farm.workers[0]?.uid);
    assert.equal(lazy.workers.length, 1);
  });

  test("is opened once, and takes no calls before or after", async () => {
    const proxy = new WorkerProxy({ workers: [] });
    assert.ok((await rejection(add.with({ pool: proxy })(1, 2))) instanceof PoolClosedError);

    await proxy.open();
    await assert.rejects(proxy.open(), { code: "ERR_MERINO_POOL_CLOSED" });
    await proxy.close();
    await proxy.close();

    await assert.rejects(proxy.open(), { code: "ERR_MERINO_POOL_CLOSED" });
    assert.ok((await rejection(add.with({ pool: proxy })(1, 2))) instanceof PoolClosedError);
  });

  test("never admits a worker of another major, from a list or a stream, and says why a call finds nobody", async () => {
    await using _ = leakCheck();
    await using farm = await openFarm("majors", 1);
    const [worker] = farm.workers;
    assert.ok(worker !== undefined);
    const foreign = { ...worker, version: "99.0.0" };
    const stream: Discovery = {
      publisher: () => assert.fail("nothing is published"),
      async *subscribe() {
        yield { type: "worker-added", worker: foreign };
        yield { type: "worker-updated", worker: foreign };
      },
    };

    for (const source of [{ workers: [foreign] }, { discovery: stream }]) {
      await using proxy = await WorkerProxy.open({ ...source, quorumTimeout: 100 });
      const error = await rejection(add.with({ pool: proxy })(1, 2));

      assert.ok(error instanceof NoWorkersAvailableError);
      assert.deepEqual(
        error.reasons.map(({ uid, reason }) => ({ uid, reason })),
        [{ uid: worker.uid, reason: "version" }],
      );
      assert.deepEqual(proxy.workers, []);
    }
  });

  test("fails the first callers together when too few workers come for its quorum", async () => {
    await using _ = leakCheck();
    await using _farm = await openFarm("quorum", 1);
    await using proxy = await WorkerProxy.open({ namespace: "quorum", quorum: 2, quorumTimeout: 400 });

    const errors: unknown[] = [];
    const calls = Array.from({ length: 5 }, async () => {
      errors.push(await rejection(add.with({ pool: proxy })(1, 2)));
    });
    await Promise.race(calls);
    // One wait, not one after another: nothing that takes time lies between the first and the last.
    await new Promise((resolve) => setImmediate(resolve));

    assert.equal(errors.length, 5);
    assert.ok(errors.every((error) => error instanceof NoWorkersAvailableError));
    assert.equal(proxy.workers.length, 1);
    await using second = await openFarm("quorum", 1);
    assert.equal(await add.with({ pool: proxy })(1, 2), 3);
    assert.equal(second.workers.length, 1);
  });

  test("fails calls at once when its discovery has failed and nobody can come", async () => {
    const broken: Discovery = {
      publisher: () => assert.fail("nothing is published"),
      async *subscribe() {
        throw new Error("the network is down");
      },
    };
    const options = { discovery: broken, quorumTimeout: Number.POSITIVE_INFINITY };
    await using proxy = await WorkerProxy.open(options);
    await using pool = await WorkerPool.open({ ...options, ambient: false });

    for (const target of [proxy, pool]) {
      const error = await rejection(add.with({ pool: target })(1, 2));

      assert.ok(error instanceof NoWorkersAvailableError);
      assert.equal((error.cause as Error).message, "the network is down");
    }
  });

  test("says after five seconds that a pool has found nobody, as of a proxy", async () => {
    await using _ = leakCheck();
    using warnings = useWarnings();
    const discovery = new LocalDiscovery("nobody");
    const options = { discovery, quorumTimeout: NOTICE_AFTER_MS + 500 };
    await using proxy = await WorkerProxy.open(options);
    await using pool = await WorkerPool.open({ ...options, ambient: false });

    const calls = [proxy, pool].map((target) => rejection(add.with({ pool: target })(1, 2)));

    assert.ok((await Promise.all(calls)).every((error) => error instanceof NoWorkersAvailableError));
    assert.deepEqual(warnings.codes, ["MERINO_NOTHING_FOUND", "MERINO_NOTHING_FOUND"]);
  });
});

describe("the constructors", () => {
  test("refuse what no pool and no proxy can do, before anything starts", () => {
    const discovery = new LocalDiscovery("never-used");
    const refused: Array<[string, () => unknown]> = [
      ["lease", () => new WorkerPool({ discovery, lease: 0 })],
      ["lease", () => new WorkerPool({ discovery, lease: -1 })],
      ["lease", () => new WorkerPool({ size: 1, lease: -1 })],
      ["quorum", () => new WorkerPool({ size: 1, quorum: 2 })],
      ["quorum", () => new WorkerPool({ size: 1, lease: 1, discovery, quorum: 3 })],
      ["quorum", () => new WorkerPool({ discovery, lease: 2, quorum: 3 })],
      ["lease", () => new WorkerProxy({ discovery, lease: 0 })],
      ["lease", () => new WorkerProxy({ discovery, lease: -1 })],
      ["quorum", () => new WorkerProxy({ discovery, lease: 1, quorum: 2 })],
      ["quorum", () => new WorkerProxy({ workers: [], quorum: 1 })],
      ["discovery", () => new WorkerProxy({})],
    ];
    for (const [option, make] of refused) {
      assert.throws(make, (error) => error instanceof InvalidOptionError && error.option === option, option);
    }
  });
});

/** A pool of so many workers, always or at least and at most. */
const SIZES = {
  "a fixed size": (size: number) => size,
  "a range": (size: number) => ({ min: size, max: size }),
} as const;

for (const worker of WORKER_KINDS) {
  describe(`a default pool, each worker a ${worker}`, () => {
    test("spawns a worker per available CPU, and takes a lease on top", async () => {
      await using _ = leakCheck();
      await using pool = await WorkerPool.open({ worker, lease: 3 });

      assert.equal(pool.stats().size, availableParallelism());
      assert.equal(pool.proxy.lease, availableParallelism() + 3);
      assert.equal(await add(1, 2), 3);
    });
  });

  for (const [kind, sized] of Object.entries(SIZES))
    describe(`an ephemeral pool of ${kind}, each worker a ${worker}`, () => {
      test("has its own workers and no others, whatever its lease", async () => {
        await using _ = leakCheck();
        await using pool = await WorkerPool.open({ worker, size: sized(2), lease: 4, quorum: 2 });

        const homes = await Promise.all(Array.from({ length: 20 }, () => snooze(5)));

        assert.equal(pool.proxy.lease, 6);
        assert.deepEqual([...new Set(homes)].sort(), uidsOf(pool.workers));
        assert.ok(pool.explain().members.every(({ own }) => own));
      });
    });

  for (const [kind, sized] of Object.entries(SIZES))
    describe(`a hybrid pool of ${kind}, each worker a ${worker}`, () => {
      test("holds its own workers and found ones up to the lease, and keeps a dead worker's place for its successor", async () => {
        await using _ = leakCheck();
        await using farm = await openFarm("hybrid-mode", 3);
        await using pool = await WorkerPool.open({
          worker,
          size: sized(1),
          lease: 1,
          quorum: 2,
          discovery: new LocalDiscovery("hybrid-mode"),
          lazy: false,
          ambient: false,
        });
        await eventually(() => pool.explain().refused.length === 2);
        const { seen } = collectEvents(pool);
        const [own] = pool.explain().members.filter((member) => member.own);
        assert.ok(own !== undefined);

        await loseWorker(pool, own.uid);
        await eventually(() => ofType(seen, "worker-ready").length === 1, { withinMs: 30_000 });
        await eventually(() => pool.stats().ready === 2, { withinMs: 10_000 });

        const { members, refused } = pool.explain();
        assert.equal(pool.proxy.lease, 2);
        assert.deepEqual(members.map((member) => member.own).sort(), [false, true]);
        assert.deepEqual(
          refused.map(({ reason }) => reason),
          ["capacity", "capacity"],
        );
        assert.ok(members.every((member) => member.uid !== own.uid));
        assert.equal(farm.workers.length, 3);
      });
    });

  for (const [kind, sized] of Object.entries(SIZES))
    describe(`a hybrid pool without a lease for others of ${kind}, each worker a ${worker}`, () => {
      test("keeps nested calls on its own workers, however many others are announced beside them", async () => {
        await using _ = leakCheck();
        await using _farm = await openFarm("crowded", 3);
        await using pool = await WorkerPool.open({
          worker,
          size: sized(1),
          lease: 0,
          discovery: new LocalDiscovery("crowded"),
          ambient: false,
        });
        const [own] = pool.workers;

        // A worker finds the others before or after itself; once it has found all of them, it calls no other.
        await eventually(async () => (await nestedHome.with({ pool })()).inner === own?.uid, {
          withinMs: 20_000,
        });
        const calls = await Promise.all(Array.from({ length: 20 }, () => nestedHome.with({ pool })()));

        assert.ok(calls.every(({ outer, inner }) => outer === own?.uid && inner === own?.uid));
      });
    });

  describe(`a pool whose discovery and balancer are made by functions, each worker a ${worker}`, () => {
    test("announces and finds workers in it, nested calls too, and closes it after everything else", async () => {
      await using _ = leakCheck();
      const log: string[] = [];
      const make = async (): Promise<Discovery & AsyncDisposable> => {
        const local = new LocalDiscovery("made");
        log.push("made");
        return {
          descriptor: local.descriptor,
          subscribe: (options) => local.subscribe(options),
          publisher() {
            const publisher = local.publisher();
            return {
              publish: (event) => publisher.publish(event),
              async close() {
                await publisher.close();
                log.push("retracted");
              },
            };
          },
          async [Symbol.asyncDispose]() {
            log.push("closed");
          },
        };
      };
      await using farm = await openFarm("made", 1);
      const options = {
        worker,
        size: 1,
        discovery: make,
        balancer: () => new RoundRobinBalancer(),
        ambient: false,
      };
      await using pool = await WorkerPool.open({ ...options, extra: { zone: "eu-1" } });
      const both = uidsOf([...farm.workers, ...pool.workers]);

      // Found, and connected: a member that is still being connected to gets no calls.
      const answered = new Set<string>();
      await eventually(async () => {
        answered.add(await home.with({ pool })());
        return answered.size === 2 && farm.proxy.workers.length === 1;
      });
      const homes = await Promise.all(Array.from({ length: 8 }, () => home.with({ pool })()));
      const nested = await Promise.all(Array.from({ length: 8 }, () => nestedHome.with({ pool })()));
      const own = pool.workers.find((one) => one.extra.zone === "eu-1");
      await pool.close();

      assert.deepEqual([...new Set(homes)].sort(), both);
      assert.ok(nested.every(({ inner }) => both.includes(inner)));
      assert.equal(own?.extra.zone, "eu-1");
      assert.deepEqual(log, ["made", "retracted", "closed"]);
    });
  });

  describe(`the events of a pool, each worker a ${worker}`, () => {
    test("tell of each call, its worker and that worker's version, to those who want to know", async () => {
      await using _ = leakCheck();
      const pool = await WorkerPool.open({ worker, size: 1 });
      await using _pool = pool;
      const { seen, ended } = collectEvents(pool);
      const others: string[] = [];
      const quiet = (async () => {
        for await (const event of pool.events({ tasks: false })) others.push(event.type);
      })();
      const [own] = pool.workers;

      await add.with({ tag: "mine" })(1, 2);
      await pool.close();
      await Promise.all([ended, quiet]);

      const steps = ofType(seen, "task");
      assert.deepEqual(
        steps.map(({ phase }) => phase),
        ["sent", "accepted", "settled"],
      );
      for (const step of steps) {
        assert.equal(step.routine, add.id);
        assert.equal(step.tag, "mine");
        assert.equal(step.worker, own?.uid);
        assert.equal(step.workerVersion, version);
        assert.equal(step.id, steps[0]?.id);
      }
      assert.deepEqual(others, ["worker-stopping", "worker-exited"]);
      assert.throws(() => pool.events({ tasks: 1 as never }), { option: "tasks" });
    });
  });
}
