/** Context variables of streams that go from worker to worker: as if these had passed through their caller. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { ContextVar } from "../../../../src/context/variables/context-var.ts";
import { fork } from "../../../../src/context/variables/fork.ts";
import { type HandOverWish, useHandOver } from "../../../support/use-hand-over.ts";
import { useWarnings } from "../../../support/use-warnings.ts";

const made = new ContextVar<string>("hand-over made", { default: "-" });
const read = new ContextVar<string>("hand-over read", { default: "-" });
const kept = new ContextVar<string>("hand-over kept", { default: "-", back: false });
const around = new ContextVar<unknown>("hand-over around", { default: "-" });

const here = (): readonly unknown[] => [made.get(), read.get(), kept.get(), around.get()];

/** Each item is what its step has seen, before it has set anything. */
async function* items(count: number): AsyncGenerator<unknown> {
  for (let n = 0; n < count; n++) {
    const seen = here();
    made.set(`item ${n}`);
    kept.set(`the source's ${n}`);
    yield seen;
  }
  made.set("end");
  return "returned";
}

const making = {
  items,
  async report(count: number) {
    made.set("head");
    return { rows: items(count) };
  },
  async *failing() {
    yield 1;
    made.set("failed");
    throw new RangeError("no");
  },
  async *unsendable() {
    yield 1;
    around.set(() => {});
    yield 2;
  },
  async *numbers(count: number) {
    for (let n = 0; n < count; n++) {
      if (n % 3 === 0) made.set(`item ${n}`);
      yield n;
    }
  },
  async *plain(count: number) {
    for (let n = 0; n < count; n++) yield n;
  },
  async *watched() {
    try {
      for (;;) yield here();
    } finally {
      closed.push(here());
    }
  },
};

const closed: unknown[] = [];

const reading = {
  /** What the body sees as it begins, then what each step has seen, and what the body sees with what that has brought. */
  async read(source: AsyncIterator<unknown>) {
    const seen: unknown[] = [here()];
    for (let n = 0; ; n++) {
      read.set(`read ${n}`);
      if (n === 1) kept.set("the reader's");
      const { value, done } = await source.next();
      seen.push([value, here()]);
      if (done === true) return seen;
    }
  },
  async atOnce(source: AsyncIterator<unknown>) {
    const asked: Promise<unknown>[] = [];
    for (let n = 0; n < 3; n++) {
      read.set(`read ${n}`);
      asked.push(source.next().then(({ value }) => value));
    }
    return await Promise.all(asked);
  },
  async error(source: AsyncIterator<unknown>) {
    await source.next();
    try {
      return await source.next();
    } catch (error) {
      return [(error as { code?: string }).code ?? (error as Error).name, made.get()];
    }
  },
  async pairs(source: AsyncIterable<number>) {
    const seen: unknown[] = [];
    for await (const item of source) seen.push([item, made.get()]);
    return seen;
  },
  async count(source: AsyncIterable<unknown>) {
    let count = 0;
    for await (const _item of source) count += 1;
    return count;
  },
  async leave(source: AsyncIterable<unknown>) {
    read.set("left");
    for await (const item of source) return item;
    return undefined;
  },
};

type Test = Awaited<ReturnType<typeof useHandOver>>;

/** How items get to the reader. */
const ways: Readonly<
  Record<string, { readonly wish?: HandOverWish; readonly options?: object; readonly isDirect?: boolean }>
> = {
  "from worker to worker": { isDirect: true },
  "through the caller, as the reader reaches nobody": { wish: { take: "none" } },
  "through the caller, as the reader does not find the worker": { wish: { take: async () => undefined } },
  "through the caller, for the time of the body": { options: { runTimeout: 60_000 } },
};

for (const [way, { wish, options, isDirect = false }] of Object.entries(ways)) {
  describe(`a stream that goes ${way}`, () => {
    const inBranch = async (fn: (t: Test) => Promise<void>): Promise<void> => {
      await using t = await useHandOver(making, reading, wish);
      await around.run("early", () =>
        fork(async () => {
          kept.set("the caller's");
          await fn(t);
        }),
      );
      if (isDirect) assert.ok(t.takes.length > 0);
      await t.nothingLeft();
    };
    const expected = [
      ["before", "-", "the caller's", "late"],
      [
        ["before", "read 0", "the caller's", "late"],
        ["item 0", "read 0", "the caller's", "late"],
      ],
      [
        ["item 0", "read 1", "the source's 0", "late"],
        ["item 1", "read 1", "the reader's", "late"],
      ],
      [
        // It has been made ahead of its reader.
        ["item 1", "read 1", "the source's 1", "late"],
        ["item 2", "read 2", "the reader's", "late"],
      ],
      ["returned", ["end", "read 3", "the reader's", "late"]],
    ];
    const after = ["end", "read 3", "the caller's", "late"];

    test("brings what its source sets with each item, and takes what its reader sets along", async () => {
      await inBranch(async (t) => {
        const source = t.stream("items", options, [3]);
        around.set("late");
        made.set("before");

        assert.deepEqual(await t.call("read", [source]), expected);

        assert.deepEqual(here(), after);
      });
    });

    if (options === undefined)
      test("does so as well where it is in the value of a function", async () => {
        await inBranch(async (t) => {
          const { rows } = (await t.call("report", [3])) as { readonly rows: AsyncIterable<unknown> };
          assert.equal(made.get(), "head");
          around.set("late");
          made.set("before");

          assert.deepEqual(await t.call("read", [rows]), expected);

          assert.deepEqual(here(), after);
        });
      });

    test("tells each step what was set before it begins, however many have been asked for", async () => {
      await inBranch(async (t) => {
        const seen = (await t.call("atOnce", [t.stream("items", options, [3])])) as unknown[][];

        // The first one may have begun with the first request.
        assert.deepEqual(
          seen.slice(1).map(([, told]) => told),
          ["read 2", "read 2"],
        );
      });
    });

    test("brings what was set with each item, however far it runs ahead", async () => {
      await inBranch(async (t) => {
        assert.deepEqual(
          await t.call("pairs", [t.stream("numbers", options, [300])]),
          Array.from({ length: 300 }, (_, n) => [n, `item ${n - (n % 3)}`]),
        );
      });
    });

    test("brings what was set before its error, and fails with a variable that cannot travel", async () => {
      using _warnings = useWarnings(); // beside the error it stays behind
      await inBranch(async (t) => {
        assert.deepEqual(await t.call("error", [t.stream("failing", options)]), ["RangeError", "failed"]);
        assert.deepEqual(await t.call("error", [t.stream("unsendable", options)]), [
          "ERR_MERINO_NOT_SERIALIZABLE",
          "failed",
        ]);
        await new Promise(setImmediate); // for the warning
      });
    });

    test("is closed with what its reader has told it", async () => {
      await inBranch(async (t) => {
        const seen = await t.call("leave", [t.stream("watched", options)]);
        await t.nothingLeft();

        assert.deepEqual(seen, ["-", "left", "the caller's", "early"]);
        assert.deepEqual(closed.pop(), seen);
      });
    });

    test("brings nothing of what its source has changed to its caller but through its reader", async () => {
      await inBranch(async (t) => {
        const seen = made.run("mine", async () => {
          const counted = fork(() => t.call("count", [t.stream("numbers", options, [9])]));
          return [await counted, made.get()];
        });

        assert.deepEqual(await seen, [9, "mine"]);
      });
    });
  });
}

test("nothing goes with a stream where nothing has changed", async () => {
  await using t = await useHandOver(making, reading);
  const bytes = async (): Promise<number> => {
    const before = t.carrierOf("reader-maker").sentBytes;
    await t.call("count", [t.stream("plain", {}, [100])]);
    return t.carrierOf("reader-maker").sentBytes - before;
  };
  await t.call("count", [t.stream("plain", {}, [100])]); // connects

  const without = await bytes();
  const withSome = await around.run("a value that is as long as it need be", bytes);

  assert.equal(withSome, without);
});
