/** Streams that go from the worker that makes them to the one that reads them, and through their caller where they cannot. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { currentScope } from "../../../../src/context/scope.ts";
import { createDeferred } from "../../../../src/internal/deferred.ts";
import { FEATURES } from "../../../../src/session/limits.ts";
import { Feature } from "../../../../src/wire/features.ts";
import { eventually } from "../../../support/eventually.ts";
import { memoryPair } from "../../../support/memory-pair.ts";
import { helloWith, TestClient } from "../../../support/protocol-peers.ts";
import { type Link, useHandOver } from "../../../support/use-hand-over.ts";

const LARGE = 10_000;

const making = {
  async *count(to: number) {
    for (let n = 0; n < to; n++) yield n;
    return "counted";
  },
  *countAtOnce(to: number) {
    for (let n = 0; n < to; n++) yield n === 2 ? Promise.resolve(n) : n;
  },
  async *large(count: number) {
    for (let n = 0; n < count; n++) yield new Uint8Array(LARGE);
  },
  async *bad() {
    yield 1;
    throw new RangeError("the second is bad");
  },
};

const reading = {
  async all(items: AsyncIterable<unknown>) {
    const read: unknown[] = [];
    for await (const item of items) read.push(item);
    return read;
  },
  async lengths(items: AsyncIterable<Uint8Array>) {
    let total = 0;
    for await (const item of items) total += item.length;
    return total;
  },
  async some(items: AsyncIterable<unknown>, most: number) {
    const taken: unknown[] = [];
    for await (const item of items) if (taken.push(item) === most) break;
    return taken;
  },
  async none(_items: AsyncIterable<unknown>) {
    return "none";
  },
  async results(items: AsyncIterator<unknown>) {
    return [await items.next(), await items.next(), await items.next(), await items.next()];
  },
  async atOnce(items: AsyncIterator<unknown>) {
    return Promise.all([items.next(), items.next(), items.next(), items.next()]);
  },
};

const without = (feature: Feature) => ({
  hello: helloWith({ features: FEATURES.filter((listed) => listed !== feature) }),
});

describe("a generator that is the argument of another call", () => {
  test("is read by the body without its items passing through the caller", async () => {
    await using t = await useHandOver(making, reading);
    const before = t.carrierOf("caller-reader").sentBytes;

    const total = await t.call("lengths", [t.stream("large", {}, [50])]);

    assert.equal(total, 50 * LARGE);
    assert.deepEqual(t.takes, ["maker"]);
    assert.ok(t.carrierOf("caller-reader").sentBytes - before < LARGE);
    await t.nothingLeft();
  });

  test("gives all items in order, what it returns, and then that it has ended", async () => {
    await using t = await useHandOver(making, reading);
    const expected = [
      { value: 0, done: false },
      { value: 1, done: false },
      { value: "counted", done: true },
      { value: undefined, done: true },
    ];

    assert.deepEqual(await t.call("results", [t.stream("count", {}, [2])]), expected);
    assert.deepEqual(await t.call("atOnce", [t.stream("count", {}, [2])]), expected);
    const read = (await t.call("all", [t.stream("count", { prefetch: 8 }, [500])])) as number[];
    assert.deepEqual(
      read,
      Array.from({ length: 500 }, (_, n) => n),
    );
    assert.deepEqual(await t.call("all", [t.stream("countAtOnce", {}, [4])]), [0, 1, 2, 3]);
    assert.equal(t.takes.length, 4);
    await t.nothingLeft();
  });

  test("is not made, or placed, before the body reads it", async () => {
    await using t = await useHandOver(making, reading);

    assert.equal(await t.call("none", [t.stream("count", {}, [2])]), "none");

    assert.equal(t.worker("maker").starts, 0);
    assert.deepEqual(t.takes, []);
    await t.nothingLeft();
  });

  test("is closed when the body leaves it, and is no further ahead than its window", async () => {
    const closed = createDeferred();
    let made = 0;
    async function* endless() {
      try {
        for (;;) yield made++;
      } finally {
        closed.resolve();
      }
    }
    await using t = await useHandOver({ endless }, reading);

    assert.deepEqual(await t.call("some", [t.stream("endless"), 5]), [0, 1, 2, 3, 4]);

    await closed.promise;
    assert.ok(made <= 5 + 64, `${made} items were made for five`);
    await t.nothingLeft();
  });

  test("is closed within an await that the signal of its task ends, when the body leaves it", async () => {
    const asked = createDeferred();
    async function* stuck() {
      yield 1;
      const signal = currentScope()?.task?.signal;
      await new Promise((_resolve, reject) => {
        signal?.addEventListener("abort", () => reject(signal.reason));
        asked.resolve();
      });
    }
    const reader = {
      async two(items: AsyncIterator<unknown>) {
        await items.next();
        void items.next();
        await asked.promise;
        await items.return?.();
        return "left";
      },
    };
    await using t = await useHandOver({ stuck }, reader);

    assert.equal(await t.call("two", [t.stream("stuck")]), "left");

    await t.nothingLeft();
  });

  test("has its error thrown where the body reads", async () => {
    await using t = await useHandOver(making, reading);

    await assert.rejects(t.call("all", [t.stream("bad")]), (error: Error) => {
      assert.ok(error instanceof RangeError);
      return error.message === "the second is bad";
    });
    await t.nothingLeft();
  });

  test("ends with the reason when its own call is cancelled", async () => {
    const controller = new AbortController();
    const reader = {
      async observe(items: AsyncIterable<unknown>) {
        try {
          for await (const _item of items) controller.abort(new Error("no more"));
          return "ended";
        } catch (error) {
          return (error as Error).message;
        }
      },
    };
    await using t = await useHandOver(making, reader);

    const seen = await t.call("observe", [t.stream("count", { signal: controller.signal }, [1e9])]);

    assert.equal(seen, "no more");
    await t.nothingLeft();
  });

  test("is closed when the call that reads it is cancelled", async () => {
    const controller = new AbortController();
    const reader = {
      async forever(items: AsyncIterable<unknown>) {
        for await (const _item of items) controller.abort(new Error("no more"));
      },
    };
    await using t = await useHandOver(making, reader);

    await assert.rejects(
      t.call("forever", [t.stream("count", {}, [1e9])], { signal: controller.signal }),
      /no more/,
    );
    await t.nothingLeft();
  });

  test("is the caller's again when that asks for an item before anybody has shown the token", async () => {
    const asked = createDeferred();
    const released = createDeferred();
    await using t = await useHandOver(making, reading, {
      take: async () => {
        asked.resolve();
        await released.promise;
        return undefined;
      },
    });
    const items = t.stream("count", {}, [3]);
    const read = t.call("all", [items]);
    await asked.promise;
    assert.equal(t.worker("maker").tasks.kept.size, 1);

    assert.deepEqual(await items.next(), { value: 0, done: false });
    assert.equal(t.worker("maker").tasks.kept.size, 0);
    released.resolve();

    assert.deepEqual(await read, [1, 2]);
    await t.nothingLeft();
  });
});

describe("a stream in the value of a function that is the argument of another call", () => {
  const closed: string[] = [];
  const reporting = {
    report(count: number, title = "rows") {
      async function* rows() {
        try {
          for (let n = 0; n < count; n++) yield new Uint8Array(LARGE).fill(n);
          return "all";
        } finally {
          closed.push(title);
        }
      }
      let n = 0;
      const stream = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (n === count) controller.close();
          else controller.enqueue(new Uint8Array(LARGE).fill(n++));
        },
      });
      return { rows: rows(), stream };
    },
    async broken() {
      async function* rows() {
        yield 1;
        throw new RangeError("the second is bad");
      }
      return rows();
    },
  };
  type Report = { readonly rows: AsyncIterableIterator<unknown>; readonly stream: ReadableStream<unknown> };

  test("is read by the body without its items passing through the caller", async () => {
    await using t = await useHandOver(reporting, reading);
    const { rows, stream } = (await t.call("report", [20])) as Report;
    const before = t.carrierOf("caller-reader").sentBytes;

    assert.equal(await t.call("lengths", [rows]), 20 * LARGE);
    assert.equal(await t.call("lengths", [stream]), 20 * LARGE);

    assert.deepEqual(t.takes, ["maker", "maker"]);
    assert.ok(t.carrierOf("caller-reader").sentBytes - before < LARGE);
    await t.nothingLeft();
  });

  test("is closed when the body leaves it, and when its call ends without having read it", async () => {
    await using t = await useHandOver(reporting, reading);
    const left = (await t.call("report", [1000, "left"])) as Report;
    const unread = (await t.call("report", [1000, "unread"])) as Report;

    assert.equal(((await t.call("some", [left.rows, 2])) as unknown[]).length, 2);
    assert.equal(await t.call("none", [unread.rows]), "none");
    await Promise.all([left.stream.cancel(), unread.stream.cancel()]);

    await t.nothingLeft();
    assert.ok(closed.includes("left"));
  });

  test("has its error thrown where the body reads", async () => {
    await using t = await useHandOver(reporting, reading);
    const rows = await t.call("broken");

    await assert.rejects(t.call("all", [rows]), RangeError);

    assert.deepEqual(t.takes, ["maker"]);
    await t.nothingLeft();
  });

  test("passes through the caller where it has been read in part, and where the reader reaches nobody", async () => {
    await using t = await useHandOver(reporting, reading);
    const { rows, stream } = (await t.call("report", [5])) as Report;
    await rows.next();

    assert.equal(await t.call("lengths", [rows]), 4 * LARGE);
    await stream.cancel();
    assert.deepEqual(t.takes, []);
    await t.nothingLeft();

    await using alone = await useHandOver(reporting, reading, { take: async () => undefined });
    const other = (await alone.call("report", [5])) as Report;
    assert.equal(await alone.call("lengths", [other.rows]), 5 * LARGE);
    assert.equal(await alone.call("lengths", [other.stream]), 5 * LARGE);
    await alone.nothingLeft();
  });
});

describe("a stream passes through its caller", () => {
  const passes = async (t: Awaited<ReturnType<typeof useHandOver>>): Promise<void> => {
    for (const options of [{}, { prefetch: 4 }]) {
      const read = (await t.call("all", [t.stream("count", options, [300])])) as number[];
      assert.deepEqual(
        read,
        Array.from({ length: 300 }, (_, n) => n),
      );
    }
    assert.equal(await t.call("lengths", [t.stream("large", {}, [20])]), 20 * LARGE);
    assert.ok(t.carrierOf("caller-reader").sentBytes > 20 * LARGE);
    assert.deepEqual(await t.call("some", [t.stream("count", {}, [1e9]), 3]), [0, 1, 2]);
    await assert.rejects(t.call("all", [t.stream("bad")].slice(0, 1)), RangeError);
    await t.nothingLeft();
  };
  const makers = { ...making };

  test("where the reader reaches nobody", async () => {
    await using t = await useHandOver(makers, reading, { take: "none" });
    await passes(t);
  });

  test("where the reader does not find the worker", async () => {
    await using t = await useHandOver(makers, reading, { take: async () => undefined });
    await passes(t);
  });

  test("where either worker is of an earlier version", async () => {
    await using old = await useHandOver(makers, reading, { maker: without(Feature.HandOver) });
    await passes(old);
    await using older = await useHandOver(makers, reading, { reader: without(Feature.HandOver) });
    await passes(older);
    assert.deepEqual(older.takes, []);
  });

  test("where the reader may not call the routine whose stream it is", async () => {
    const rules = [{ routine: "other", allow: ["*"] }];
    await using t = await useHandOver(makers, reading, { maker: { rules }, pair: { local: false } });
    await passes(t);
    assert.ok(t.takes.length > 0);
  });

  test("where the worker keeps nothing under the token", async () => {
    await using t = await useHandOver(makers, reading, {
      take: (request) => t.proxy.take({ ...request, token: "another" }),
    });
    await passes(t);
  });
});

describe("KeptStreams", () => {
  test("give a stream to the first who shows its token, and refuse every other", async () => {
    const shown: string[] = [];
    await using t = await useHandOver(making, reading, {
      take: (request) => {
        shown.push(request.token);
        return t.proxy.take(request);
      },
    });
    const { client, server } = memoryPair();
    t.worker("maker").tasks.serve(server);
    const peer = new TestClient(client);
    await peer.hello;

    assert.deepEqual(await t.call("all", [t.stream("count", {}, [2])]), [0, 1]);

    for (const take of [shown[0] ?? "", "guessed"]) {
      const { outcome } = peer.call("", [], { take });
      assert.equal((await outcome).kind, "refused");
    }
    assert.equal(shown[0]?.length, 22);
    peer.session.connection.close();
  });

  test("keep nothing of a call that ends before anybody has come", async () => {
    const controller = new AbortController();
    await using t = await useHandOver(making, reading, {
      take: async () => {
        controller.abort(new Error("no more"));
        await eventually(() => t.worker("maker").tasks.kept.size === 0);
        return undefined;
      },
    });

    await assert.rejects(t.call("all", [t.stream("count", { signal: controller.signal }, [2])]), /no more/);

    assert.equal(t.worker("maker").starts, 0);
    await t.nothingLeft();
  });
});

describe("whatever breaks", () => {
  const links: readonly Link[] = ["caller-maker", "caller-reader", "reader-maker"];
  const deaths: Readonly<Record<string, readonly Link[]>> = {
    "the caller and the maker lose each other": ["caller-maker"],
    "the caller and the reader lose each other": ["caller-reader"],
    "the reader and the maker lose each other": ["reader-maker"],
    "the caller dies": ["caller-maker", "caller-reader"],
    "the maker dies": ["caller-maker", "reader-maker"],
    "the reader dies": ["caller-reader", "reader-maker"],
    "two of them die": links,
  };

  for (const stage of [
    "before the token is shown",
    "as it is shown",
    "between items",
    "within an item",
  ] as const) {
    for (const [name, cuts] of Object.entries(deaths)) {
      test(`${stage}, when ${name}, every call settles, no item comes twice, and nothing is left`, async () => {
        const reached = createDeferred();
        const goesOn = createDeferred();
        const made: number[] = [];
        async function* items() {
          for (let n = 0; n < 10; n++) {
            if (n === 3 && stage === "within an item") {
              reached.resolve();
              await goesOn.promise;
            }
            made.push(n);
            yield n;
          }
        }
        const seen: unknown[] = [];
        const reader = {
          async read(source: AsyncIterable<number>) {
            for await (const item of source) {
              seen.push(item);
              if (item === 3 && stage === "between items") {
                reached.resolve();
                await goesOn.promise;
              }
            }
            return "read";
          },
        };
        await using t = await useHandOver({ items }, reader, {
          take: async (request) => {
            if (stage === "before the token is shown") {
              reached.resolve();
              await goesOn.promise;
            }
            const taken = t.proxy.take(request);
            if (stage === "as it is shown") reached.resolve();
            return taken;
          },
        });

        const call = t.call("read", [t.stream("items")]);
        const settled = Promise.allSettled([call]);
        await reached.promise;
        for (const link of cuts) t.cut(link);
        goesOn.resolve();
        const [outcome] = await settled;

        assert.deepEqual(seen, [...new Set(seen)], "an item has come twice");
        assert.deepEqual(
          seen,
          seen.map((_, n) => n),
          "an item is missing",
        );
        assert.deepEqual(made, [...new Set(made)], "an item was made twice");
        if (outcome?.status === "fulfilled") assert.equal(seen.length, 10);
        await t.nothingLeft();
      });
    }
  }
});
