/** `pool.map` over real workers: order, bounds, back-pressure, and every way in which it can end. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type CallOptions, PoolClosedError, WorkerPool } from "merino";
import { eventually } from "../support/eventually.ts";
import { leakCheck } from "../support/leak-check.ts";
import { add, fail, mark, reversed, untilAborted } from "./fixtures/pool-routines.ts";
import { rejection, useEffects } from "./fixtures/pool-support.ts";

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

/** An endless source of one item that knows whether it was closed. */
function endlessly<T>(item: T): Iterable<T> & { closed: boolean } {
  const source = {
    closed: false,
    *[Symbol.iterator]() {
      try {
        for (;;) yield item;
      } finally {
        source.closed = true;
      }
    },
  };
  return source;
}

describe("WorkerPool.map", () => {
  test("gives results in the order of the items", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 2 });

    const results = await collect(pool.map((id: number) => reversed(id, 8), [0, 1, 2, 3, 4, 5, 6, 7]));

    assert.deepEqual(results, [0, 1, 2, 3, 4, 5, 6, 7]);
  });

  test("gives results as they come with ordered: false", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });
    await reversed(1, 1);

    const results = await collect(
      pool.map((id: number) => reversed(id * 10, 20), [0, 1], { ordered: false }),
    );

    assert.deepEqual(results, [10, 0]);
  });

  test("takes a routine as it is, and an asynchronous source", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1, ambient: false });
    async function* source() {
      yield 1;
      yield 2;
    }

    const results = await collect(pool.map((n: number) => add(n, 1), source()));
    const direct = await collect(pool.map(fail, []));

    assert.deepEqual(results, [2, 3]);
    assert.deepEqual(direct, []);
  });

  test("has no more under way than its concurrency, and reads no further ahead", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using pool = await WorkerPool.open({ size: 2 });
    let read = 0;
    function* endless() {
      for (;;) yield read++;
    }

    const results = pool.map((id: number) => mark(effects.path("log"), id, 5), endless(), { concurrency: 4 });
    const taken: number[] = [];
    for await (const id of results) {
      assert.ok(
        read <= taken.length + 1 + 4,
        `read ${read} items when ${taken.length + 1} results were taken`,
      );
      assert.ok(pool.stats().unsettled <= 4);
      taken.push(id);
      if (taken.length === 20) break;
    }

    assert.deepEqual(
      taken,
      Array.from({ length: 20 }, (_, id) => id),
    );
    assert.ok(read <= 24, `read ${read}`);
    assert.ok(effects.lines("log").length <= 24);
  });

  test("rejects with the error of a call, after the results before it", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 2 });

    const results = pool.map(
      async (item: string) => (item === "bad" ? fail("no good") : item),
      ["a", "bad", "c"],
    );
    const seen: string[] = [];
    const error = await rejection(
      (async () => {
        for await (const item of results) seen.push(item);
      })(),
    );

    assert.ok(error instanceof TypeError);
    assert.equal(error.message, "no good");
    assert.deepEqual(seen, ["a"]);
  });

  test("goes on after failures with settled: true, and gives what became of each call", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 2 });
    const work = (item: string): Promise<string> | string => (item === "bad" ? fail("no good") : item);

    const results = await collect(
      pool.map(work, ["a", "bad", "c", "bad"], { settled: true, concurrency: 2 }),
    );
    const unordered = await collect(pool.map(work, ["bad", "a"], { settled: true, ordered: false }));
    const direct = await collect(pool.map(fail, ["no good"], { settled: true }));

    assert.deepEqual(
      results.map((result) => (result.status === "fulfilled" ? result.value : result.reason.message)),
      ["a", "no good", "c", "no good"],
    );
    assert.ok(results[1]?.status === "rejected" && results[1].reason instanceof TypeError);
    assert.deepEqual(unordered.map(({ status }) => status).sort(), ["fulfilled", "rejected"]);
    assert.deepEqual(
      direct.map(({ status }) => status),
      ["rejected"],
    );
  });

  for (const ordered of [true, false]) {
    for (const grace of [0, 10_000]) {
      test(`ends with settled: true once the pool is closed, ordered: ${ordered}, grace: ${grace}`, async () => {
        await using _ = leakCheck();
        await using pool = await WorkerPool.open({ size: 1 });
        const source = endlessly(1);
        const results: PromiseSettledResult<number>[] = [];
        let closing: Promise<void> | undefined;
        const options = { settled: true, ordered, concurrency: 4 } as const;

        const error = await rejection(
          (async () => {
            for await (const result of pool.map((n: number) => add(n, 1), source, options)) {
              assert.ok(results.push(result) < 20, "the map goes on in a closed pool");
              if (results.length === 5) closing = pool.close({ grace });
            }
          })(),
        );

        assert.ok(error instanceof PoolClosedError);
        assert.equal(source.closed, true);
        assert.deepEqual(results[4], { status: "fulfilled", value: 2 });
        assert.ok(results.length <= 5 + options.concurrency, `${results.length} results`);
        await closing;
      });
    }
  }

  test("gives with settled: true what became of every item, if the pool is closed after the last was read", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });
    const results: unknown[] = [];

    for await (const result of pool.map((n: number) => add(n, 1), [1, 2], { settled: true })) {
      if (results.push(result) === 2) await pool.close();
    }

    assert.deepEqual(results, [
      { status: "fulfilled", value: 2 },
      { status: "fulfilled", value: 3 },
    ]);
  });

  test("ends with settled: true in a pool that is not open, whatever the function makes of it", async () => {
    const pool = new WorkerPool({ size: 1 });
    const wrapped = async (n: number): Promise<number> => {
      throw new Error("wrapped", { cause: await rejection(add.with({ pool })(n, 1)) });
    };
    for (const map of [(n: number) => add(n, 1), wrapped]) {
      const source = endlessly(1);

      const error = await rejection(pool.map(map, source, { settled: true }).next());

      assert.ok(error instanceof PoolClosedError);
      assert.match(error.message, /not been opened: await its open/);
      assert.equal(source.closed, true);
    }
    await pool.close();
  });

  test("cancels the calls of a routine that are under way when its signal fires, and closes its source", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using pool = await WorkerPool.open({ size: 1 });
    const source = endlessly(effects.path("log"));
    const controller = new AbortController();
    const results = pool.map(untilAborted, source, { concurrency: 3, signal: controller.signal });
    const waiting = rejection(results.next());
    await eventually(() => effects.lines("log").length === 3);

    const reason = new Error("enough");
    controller.abort(reason);

    assert.equal(await waiting, reason);
    assert.equal(source.closed, true);
    await eventually(() => effects.lines("log").filter((line) => line === "aborted").length === 3);
    assert.equal(pool.stats().unsettled, 0);
  });

  test("cancels the calls of a routine that are under way on break, and closes its source", async () => {
    await using _ = leakCheck();
    using effects = useEffects();
    await using pool = await WorkerPool.open({ size: 1 });
    const source = endlessly(effects.path("log"));
    let made = 0;
    const firstQuick = untilAborted.with({ pool });
    const routine = Object.assign((path: string) => firstQuick(path), {
      with: (options: CallOptions) => (path: string) =>
        made++ === 0 ? Promise.resolve("quick") : untilAborted.with(options)(path),
    });

    for await (const result of pool.map(routine, source, { concurrency: 3 })) {
      assert.equal(result, "quick");
      await eventually(() => effects.lines("log").length === 2);
      break;
    }

    assert.equal(source.closed, true);
    await eventually(() => effects.lines("log").filter((line) => line === "aborted").length === 2);
    assert.equal(pool.stats().unsettled, 0);
  });

  test("is over at once when its signal has fired before", async () => {
    await using _ = leakCheck();
    await using pool = await WorkerPool.open({ size: 1 });
    const reason = new Error("never mind");

    const error = await rejection(
      pool.map((n: number) => add(n, 1), [1], { signal: AbortSignal.abort(reason) }).next(),
    );

    assert.equal(error, reason);
    assert.equal(pool.stats().calls, 0);
  });

  test("refuses what is no function, and what cannot be iterated, when it is called", async () => {
    const pool = new WorkerPool({ size: 1 });
    const map = (fn: unknown, items: unknown) => () =>
      void pool.map(fn as (n: number) => number, items as never[]);

    for (const fn of [undefined, null, "add", {}]) assert.throws(map(fn, []), { option: "fn", value: fn });
    for (const items of [undefined, null, 3, {}, add]) {
      assert.throws(map(add, items), { option: "items", value: items });
    }
    assert.throws(() => void pool.map((n: number) => n, [], null as never), {
      option: "options",
      value: null,
    });
    await pool.close();
  });

  test("refuses options that it cannot follow, when it is called", async () => {
    const pool = new WorkerPool({ size: 1 });
    const map = (options: object) => () => void pool.map((n: number) => n, [1], options);

    for (const concurrency of [0, -1, 1.5, Number.NaN, "2"]) {
      assert.throws(map({ concurrency }), { option: "concurrency", value: concurrency });
    }
    assert.throws(map({ settled: 1 }), { option: "settled", value: 1 });
    assert.throws(map({ ordered: "yes" }), { option: "ordered", value: "yes" });
    assert.throws(map({ signal: {} }), { option: "signal" });
    await pool.close();
  });
});
