import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { describe, test } from "node:test";
import fc from "fast-check";
import { ContextVar } from "../../../src/context/variables/context-var.ts";
import { mapCalls, resolveMapOptions, settling } from "../../../src/pool/map-calls.ts";

/** Calls that end when the test says so. */
function useCalls() {
  const pending = new Map<number, { resolve(value: number): void; reject(error: unknown): void }>();
  const signals = new Map<number, AbortSignal>();
  const call = (item: number, signal: AbortSignal): Promise<number> => {
    signals.set(item, signal);
    return new Promise((resolve, reject) => pending.set(item, { resolve, reject }));
  };
  const take = (item: number) => {
    const entry = pending.get(item);
    assert.ok(entry !== undefined, `${item} is not under way`);
    pending.delete(item);
    return entry;
  };
  return {
    call,
    signals,
    underWay: () => [...pending.keys()],
    resolve: (item: number) => take(item).resolve(item),
    reject: (item: number, error: unknown) => take(item).reject(error),
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const item of items) collected.push(item);
  return collected;
}

function* numbers() {
  for (let n = 0; ; n += 1) yield n;
}

describe("mapCalls", () => {
  test("reads and calls where it was called, wherever its results are taken", async () => {
    const store = new AsyncLocalStorage<string>();
    const tenant = new ContextVar("tenant", { default: "nobody", namespace: "map-calls-test" });
    const seen: unknown[] = [];
    function* source() {
      try {
        for (let n = 0; n < 9; n += 1) {
          seen.push(store.getStore());
          yield n;
        }
      } finally {
        seen.push(store.getStore());
      }
    }
    const call = async (item: number) => {
      seen.push(store.getStore(), tenant.get());
      return item;
    };
    const options = { concurrency: 2, ordered: true, signal: undefined };

    const results = store.run("made", () => mapCalls(call, source(), options));
    for (const place of ["first", "second", "third", "last"]) {
      await store.run(place, () => tenant.run(place, () => results.next()));
    }
    await store.run("returned", () => results.return());

    assert.ok(seen.length > 3 * 4);
    assert.deepEqual([...new Set(seen)].sort(), ["made", "nobody"]);
  });

  test("reads nothing before it is asked, then as many items as may be under way", async () => {
    const calls = useCalls();
    const results = mapCalls(calls.call, numbers(), { concurrency: 3, ordered: true, signal: undefined });
    await turn();
    assert.deepEqual(calls.underWay(), []);

    const first = results.next();
    await turn();

    assert.deepEqual(calls.underWay(), [0, 1, 2]);
    calls.resolve(1);
    await turn();
    assert.deepEqual(calls.underWay(), [0, 2], "a result that waits for its turn still counts");
    calls.resolve(0);
    assert.deepEqual(await first, { done: false, value: 0 });
    await turn();
    assert.deepEqual(calls.underWay(), [2], "nobody has asked for more");
    void results.return();
  });

  test("gives results as they are ready when they need no order", async () => {
    const calls = useCalls();
    const results = mapCalls(calls.call, numbers(), { concurrency: 2, ordered: false, signal: undefined });

    const first = results.next();
    await turn();
    calls.resolve(1);

    assert.equal((await first).value, 1);
    const second = results.next();
    await turn();
    assert.deepEqual(calls.underWay(), [0, 2]);
    calls.resolve(2);
    assert.equal((await second).value, 2);
    await results.return();
  });

  test("gives every result exactly once, in order if asked, and never exceeds its bound", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.nat(3), { maxLength: 30 }),
        fc.integer({ min: 1, max: 8 }),
        fc.boolean(),
        async (delays, concurrency, ordered) => {
          let [underWay, most] = [0, 0];
          const call = async (index: number): Promise<number> => {
            underWay += 1;
            most = Math.max(most, underWay);
            for (let n = delays[index] ?? 0; n > 0; n -= 1) await turn();
            underWay -= 1;
            return index;
          };
          const items = delays.map((_, index) => index);

          const results = await collect(mapCalls(call, items, { concurrency, ordered, signal: undefined }));

          assert.deepEqual(ordered ? results : [...results].sort((a, b) => a - b), items);
          assert.ok(most <= concurrency);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("rejects with the error of a call, cancels the others and closes its source", async () => {
    const calls = useCalls();
    let closed = false;
    function* source() {
      try {
        yield* numbers();
      } finally {
        closed = true;
      }
    }
    const results = mapCalls(calls.call, source(), { concurrency: 3, ordered: true, signal: undefined });

    const first = results.next();
    await turn();
    const reason = new Error("no good");
    calls.reject(0, reason);

    await assert.rejects(first, reason);
    assert.equal(closed, true);
    assert.equal(calls.signals.get(1)?.aborted, true);
    assert.deepEqual(await results.next(), { done: true, value: undefined });
  });

  test("rejects with the reason of its signal although no call answers to it", async () => {
    const calls = useCalls();
    const controller = new AbortController();
    const results = mapCalls(calls.call, numbers(), {
      concurrency: 2,
      ordered: true,
      signal: controller.signal,
    });
    const first = results.next();
    await turn();

    const reason = new Error("enough");
    controller.abort(reason);

    await assert.rejects(first, reason);
    assert.equal(calls.signals.get(1)?.reason, reason);
  });

  test("rejects with the error of its source", async () => {
    const reason = new Error("no more paper");
    function* source() {
      yield 1;
      throw reason;
    }

    const results = mapCalls(async (item: number) => item, source(), {
      concurrency: 1,
      ordered: true,
      signal: undefined,
    });

    assert.equal((await results.next()).value, 1);
    await assert.rejects(results.next(), reason);
  });

  test("gives a result although its source is slow to give the next item", async () => {
    let release: () => void = () => assert.fail("nobody asked");
    async function* source() {
      yield 1;
      await new Promise<void>((resolve) => {
        release = resolve;
      });
      yield 2;
    }

    const results = mapCalls(async (item: number) => item, source(), {
      concurrency: 4,
      ordered: true,
      signal: undefined,
    });

    assert.equal((await results.next()).value, 1);
    release();
    assert.deepEqual(await collect(results), [2]);
  });

  test("ends by its signal although its source is stuck", async () => {
    const controller = new AbortController();
    async function* source() {
      await new Promise(() => {});
      yield 1;
    }
    const results = mapCalls(async (item: number) => item, source(), {
      concurrency: 4,
      ordered: true,
      signal: controller.signal,
    });
    const first = results.next();
    await turn();

    const reason = new Error("enough");
    controller.abort(reason);

    await assert.rejects(first, reason);
  });

  test("leaves a source alone that has come to its end", async () => {
    let returned = 0;
    const source = {
      n: 0,
      next: () =>
        source.n++ < 2
          ? { done: false as const, value: source.n }
          : { done: true as const, value: undefined },
      return: () => {
        returned += 1;
        return { done: true as const, value: undefined };
      },
    };
    const items: Iterable<number> = { [Symbol.iterator]: () => source };

    const results = await collect(
      mapCalls(async (n: number) => n, items, { concurrency: 4, ordered: true, signal: undefined }),
    );

    assert.deepEqual(results, [1, 2]);
    assert.equal(returned, 0);
  });

  test("takes its listener off the signal when it ends", async () => {
    const controller = new AbortController();
    const { signal } = controller;
    let listeners = 0;
    const add = signal.addEventListener.bind(signal);
    const remove = signal.removeEventListener.bind(signal);
    signal.addEventListener = (...parameters: Parameters<typeof add>) => {
      listeners += 1;
      add(...parameters);
    };
    signal.removeEventListener = (...parameters: Parameters<typeof remove>) => {
      listeners -= 1;
      remove(...parameters);
    };

    await collect(mapCalls(async (n: number) => n, [1, 2], { concurrency: 1, ordered: true, signal }));

    assert.equal(listeners, 0);
  });
});

describe("mapCalls of settling calls", () => {
  const boom = new Error("no good");
  const work = async (item: number): Promise<number> => {
    if (item === 3) return Promise.reject();
    if (item === 1) throw boom;
    return item * 10;
  };

  test("gives what became of every call, in order, and goes on after failures", async () => {
    const results = await collect(
      mapCalls(settling(work), [0, 1, 2, 3], { concurrency: 2, ordered: true, signal: undefined }),
    );

    assert.deepEqual(results, await Promise.allSettled([0, 1, 2, 3].map(work)));
    const [, failed, , failedWithNothing] = results;
    assert.equal(failed?.status === "rejected" && failed.reason, boom);
    assert.ok(failedWithNothing !== undefined && "reason" in failedWithNothing);
  });

  test("ends by its signal and with the error of its source, as any map", async () => {
    const controller = new AbortController();
    const results = mapCalls(settling(work), numbers(), {
      concurrency: 2,
      ordered: true,
      signal: controller.signal,
    });
    await results.next();
    const enough = new Error("enough");
    controller.abort(enough);
    await assert.rejects(results.next(), enough);

    function* source() {
      yield 1;
      throw boom;
    }
    const broken = mapCalls(settling(work), source(), { concurrency: 1, ordered: true, signal: undefined });
    assert.deepEqual((await broken.next()).value, { status: "rejected", reason: boom });
    await assert.rejects(broken.next(), boom);
  });
});

test("a refusal ends the map after the results under way, closes the source, and drops the item read", async () => {
  for (const ordered of [true, false]) {
    const calls = useCalls();
    const refused = new Error("closed");
    let closed = false;
    let open = true;
    function* source() {
      try {
        yield* numbers();
      } finally {
        closed = true;
      }
    }
    const refusal = () => (open ? undefined : refused);
    const options = { concurrency: 3, ordered, signal: undefined, refusal };
    const results = mapCalls(settling(calls.call), source(), options);
    const first = results.next();
    await turn();

    open = false;
    calls.resolve(0);
    assert.deepEqual((await first).value, { status: "fulfilled", value: 0 });
    const second = results.next();
    await turn();
    assert.deepEqual(calls.underWay(), [1, 2]);
    calls.reject(1, refused);
    assert.deepEqual((await second).value, { status: "rejected", reason: refused });
    const third = results.next();
    calls.resolve(2);
    assert.deepEqual((await third).value, { status: "fulfilled", value: 2 });

    await assert.rejects(results.next(), refused);
    assert.equal(closed, true);
    assert.deepEqual(await results.next(), { done: true, value: undefined });
  }
});

describe("resolveMapOptions", () => {
  test("allows 16 calls per worker unless told otherwise", () => {
    assert.deepEqual(resolveMapOptions({}, 3), {
      concurrency: 48,
      ordered: true,
      settled: false,
      signal: undefined,
    });
    assert.equal(resolveMapOptions({}, 0).concurrency, 16);
    assert.equal(resolveMapOptions({ concurrency: 1 }, 3).concurrency, 1);
  });
});
