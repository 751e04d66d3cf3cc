/** A pool without workers: what its routines see and answer is what those of worker processes do. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { test } from "node:test";
import {
  ContextVar,
  currentTask,
  InvalidOptionError,
  isMain,
  LeastBusyBalancer,
  LocalDiscovery,
  NoActivePoolError,
  NotSerializableError,
  PoolClosedError,
  ProcessWorker,
  portable,
  routine,
  TimeoutError,
  WorkerLostError,
  WorkerPool,
  type WorkerPoolOptions,
} from "../../../src/index.ts";
import { createDeferred } from "../../../src/internal/deferred.ts";

const LOCAL: WorkerPoolOptions = Object.freeze({ local: true });

const user = new ContextVar<string>("local-pool.user", { default: "nobody" });
const storage = new AsyncLocalStorage<string>();

const add = routine(async function add(x: number, y: number) {
  return x + y;
});

const spoil = routine(async function spoil(list: number[]) {
  list.push(4);
  return { list, pid: process.pid };
});

const nested = routine(async function nested(n: number) {
  const sum = await add(n, 1);
  return { sum, caller: await whoCalls(), deadline: currentTask()?.deadline !== undefined };
});

const whoCalls = routine(async function whoCalls() {
  return currentTask()?.caller?.routine;
});

const fail = routine(async function fail() {
  throw new TypeError("no", { cause: { reason: 7 } });
});

const count = routine(async function* count(to: number): AsyncGenerator<number, string, number | undefined> {
  let step = 1;
  for (let n = 0; n < to; n += step) step = (yield n) ?? step;
  return "end";
});

const seen: unknown[] = [];

const untilAborted = routine(async function untilAborted(name: string) {
  const { signal } = currentTask() as NonNullable<ReturnType<typeof currentTask>>;
  await new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve(), { once: true }));
  seen.push([name, (signal.reason as Error).name]);
  return name;
});

let gate = createDeferred();
let entered = createDeferred();

const afterGate = routine(async function afterGate() {
  entered.resolve();
  await gate.promise;
  return [await add(20, 22), currentTask()?.draining.aborted];
});

const whoAmI = routine(async function whoAmI() {
  return [user.get(), storage.getStore()];
});

/** Calls from within a store of its own, the first time and later. */
const askInStore = routine(async function askInStore(name: string) {
  return storage.run(name, () => whoAmI());
});

const callIt = routine(async function callIt(fn: (x: number, y: number) => Promise<number>) {
  return fn(3, 4);
});

@portable
class Counter {
  n = 0;

  @routine
  async plus(n: number): Promise<number> {
    this.n += n;
    return this.n;
  }
}

test("a local pool", async (t) => {
  await using pool = await WorkerPool.open(LOCAL);

  await t.test("runs routines in this process", async () => {
    assert.equal(await add(1, 2), 3);
    assert.equal(pool.workers.length, 1);
    assert.equal(pool.workers[0]?.pid, process.pid);
    const { size, ready, calls } = pool.stats();
    assert.deepEqual([size, ready, calls > 0], [0, 1, true]);
    assert.equal(isMain(import.meta), false);
  });

  await t.test("passes copies of arguments and results, of any size", async () => {
    const list = [1, 2, 3];
    assert.deepEqual(await spoil(list), { list: [1, 2, 3, 4], pid: process.pid });
    assert.deepEqual(list, [1, 2, 3]);

    const bytes = Buffer.alloc(3_000_000, 1);
    const fill = await overwrite(bytes);
    assert.equal(
      fill.every((byte) => byte === 2),
      true,
    );
    assert.equal(
      bytes.every((byte) => byte === 1),
      true,
    );
    fill.fill(3);
    assert.equal((await overwrite(bytes))[0], 2);
  });

  await t.test("refuses what would not travel to a worker", async () => {
    await assert.rejects(add(1, (() => 2) as never), NotSerializableError);
    await assert.rejects(
      callIt(async (x) => x),
      NotSerializableError,
    );
  });

  await t.test("rejects with what is thrown", async () => {
    await assert.rejects(fail(), (error: unknown) => {
      assert.ok(error instanceof TypeError);
      assert.deepEqual([error.message, error.cause], ["no", { reason: 7 }]);
      assert.match(error.stack ?? "", /at fail .*local-pool\.test\.ts/);
      return true;
    });
  });

  await t.test("streams both ways", async () => {
    const stream = count(10);
    assert.deepEqual(await stream.next(), { value: 0, done: false });
    assert.deepEqual(await stream.next(4), { value: 4, done: false });
    assert.deepEqual(await stream.next(), { value: 8, done: false });
    assert.deepEqual(await stream.next(), { value: "end", done: true });

    const values: number[] = [];
    for await (const value of count.with({ prefetch: 16 })(500)) values.push(value);
    assert.deepEqual(
      values,
      Array.from({ length: 500 }, (_, n) => n),
    );
  });

  await t.test("takes the calls of its bodies, which know who calls and how long they have", async () => {
    assert.deepEqual(await nested.with({ timeout: 60_000 })(4), {
      sum: 5,
      caller: nested.id,
      deadline: true,
    });
  });

  await t.test("ends a call at its timeout, and by its signal", async () => {
    seen.length = 0;
    await assert.rejects(untilAborted.with({ timeout: 20 })("late"), TimeoutError);
    const abort = new AbortController();
    const call = untilAborted.with({ signal: abort.signal })("cancelled");
    abort.abort(new RangeError("enough"));
    await assert.rejects(call, RangeError);
    await add(1, 1);
    assert.deepEqual(seen, [["late", "TimeoutError"]]); // the other one has not begun
  });

  await t.test("lets context variables travel, and nothing else of the caller's surroundings", async () => {
    const [name, stored] = await storage.run("mine", () => user.run("ann", () => whoAmI()));
    assert.deepEqual([name, stored], ["ann", undefined]);
    assert.deepEqual(await whoAmI(), ["nobody", undefined]);
  });

  await t.test("takes routines as arguments, and methods", async () => {
    assert.equal(await callIt(add), 7);
    const counter = new Counter();
    assert.equal(await counter.plus(2), 2);
    assert.equal(counter.n, 0);
  });

  await t.test("maps", async () => {
    const sums: number[] = [];
    for await (const sum of pool.map((n: number) => add(n, n), [1, 2, 3])) sums.push(sum);
    assert.deepEqual(sums, [2, 4, 6]);
  });
});

const overwrite = routine(async function overwrite(bytes: Buffer) {
  return bytes.fill(2);
});

test("a local pool that closes", async (t) => {
  await t.test("lets bodies finish, and the calls that they make", async () => {
    gate = createDeferred();
    entered = createDeferred();
    const pool = await WorkerPool.open(LOCAL);
    const call = afterGate();
    await entered.promise;
    const closed = pool.close();
    await assert.rejects(add.with({ pool })(1, 2), PoolClosedError);
    gate.resolve();
    assert.deepEqual(await call, [42, true]);
    await closed;
    await assert.rejects(add(1, 2), NoActivePoolError);
  });

  await t.test("ends bodies after its grace, and tells of its worker's end", async () => {
    seen.length = 0;
    const pool = await WorkerPool.open(LOCAL);
    const events = (async () => {
      const types: string[] = [];
      for await (const { type } of pool.events({ tasks: false })) types.push(type);
      return types;
    })();
    const call = untilAborted("closing");
    await add(1, 2);
    const [outcome] = await Promise.allSettled([call, pool.close({ grace: 0 })]);
    assert.ok(outcome?.status === "rejected" && outcome.reason instanceof PoolClosedError);
    assert.deepEqual(seen, [["closing", "AbortError"]]);
    assert.deepEqual(await events, ["worker-stopping", "worker-exited"]);
  });

  await t.test("does not wait for bodies that heed no signal", async () => {
    gate = createDeferred();
    entered = createDeferred();
    const pool = await WorkerPool.open(LOCAL);
    const call = assert.rejects(
      afterGate(),
      (error: unknown) => error instanceof PoolClosedError || error instanceof WorkerLostError,
    );
    await entered.promise;
    await pool.close({ grace: 0 });
    await call;
    gate.resolve();
  });

  await t.test("may be closed while it opens", async () => {
    const pool = new WorkerPool(LOCAL);
    const opened = assert.rejects(pool.open(), PoolClosedError);
    await pool.close();
    await opened;
  });
});

test("a body that another one calls has nothing of the other's surroundings, the first or a later one", async () => {
  await using _pool = await WorkerPool.open(LOCAL);
  for (const name of ["first", "second"]) assert.deepEqual(await askInStore(name), ["nobody", undefined]);
});

test("several local pools do not meet", async () => {
  await using one = await WorkerPool.open({ local: true, ambient: false });
  await using other = await WorkerPool.open({
    local: true,
    ambient: false,
    tags: ["blue"],
    balancer: new LeastBusyBalancer(),
  });
  assert.equal(await add.with({ pool: one })(1, 2), 3);
  assert.equal(
    await nested
      .with({ pool: other })(1)
      .then(({ sum }) => sum),
    2,
  );
  assert.deepEqual([one.stats().calls, other.stats().calls], [1, 1]);
  await assert.rejects(add(1, 2), NoActivePoolError);
});

test("a local pool takes no options of workers", async () => {
  const given: WorkerPoolOptions = {
    size: 1,
    lease: 1,
    discovery: new LocalDiscovery("none"),
    worker: ProcessWorker.factory(),
    credentials: {} as never,
  };
  for (const [option, value] of Object.entries(given)) {
    await assert.rejects(WorkerPool.open({ local: true, [option]: value }), (error: unknown) => {
      assert.ok(error instanceof InvalidOptionError);
      assert.equal(error.option, option);
      assert.match(error.message, /local: true.*has no workers/);
      return true;
    });
  }
  await assert.rejects(WorkerPool.open({ local: "yes" as never }), { option: "local" });
  await assert.rejects(WorkerPool.open({ local: true, quorum: 2 }), { option: "quorum" });
  await using pool = await WorkerPool.open({ local: true, size: undefined, quorum: 1 });
  assert.equal(await add.with({ pool })(1, 1), 2);
});
