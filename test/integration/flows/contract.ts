/** Iterables, streams and callbacks among the arguments of calls, on workers of one kind. */
import assert from "node:assert/strict";
import { AsyncLocalStorage } from "node:async_hooks";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { callback, type MerinoError, type NotSerializableError, StaticDiscovery, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { poolOf } from "../../support/pool-of.ts";
import { type NetworkWorker, startNetworkWorker } from "../network-worker/workers.ts";
import * as routines from "./routines.ts";

/** Where the workers are. */
type Worker = "local" | "thread" | "process" | "network";

const ROUTINES = new URL("./routines.ts", import.meta.url);

/** A source that tells how far it has been read, and whether it has been closed. */
class Source<T> {
  made = 0;
  closed = false;
  readonly #make: (n: number) => T | Promise<T>;
  readonly #count: number;

  constructor(count: number, make: (n: number) => T | Promise<T>) {
    this.#count = count;
    this.#make = make;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<T> {
    try {
      while (this.made < this.#count) yield await this.#make(this.made++);
    } finally {
      this.closed = true;
    }
  }
}

const numbers = (count: number): Source<number> => new Source(count, (n) => n);

/** A source that is asked for an item and gives none. */
class Silent implements AsyncIterable<number> {
  closed = false;
  readonly asked: Promise<void>;
  #ask = (): void => {};

  constructor() {
    this.asked = new Promise((resolve) => {
      this.#ask = resolve;
    });
  }

  [Symbol.asyncIterator](): AsyncIterator<number> {
    return {
      next: () => {
        this.#ask();
        return new Promise<never>(() => {});
      },
      return: async () => {
        this.closed = true;
        return { value: undefined, done: true };
      },
    };
  }
}

/** Runs all of them against a pool of workers of this kind. */
export function passesFlows(worker: Worker): void {
  const network: NetworkWorker[] = [];
  let pool: WorkerPool;
  let leaks: AsyncDisposable;

  before(async () => {
    leaks = leakCheck();
    if (worker === "network") {
      network.push(await startNetworkWorker({ modules: [fileURLToPath(ROUTINES)] }));
      pool = await WorkerPool.open({ discovery: new StaticDiscovery(network.map(({ remote }) => remote)) });
    } else pool = await WorkerPool.open(poolOf(worker, 2));
  });

  after(async () => {
    await pool.close();
    for (const started of network) await started[Symbol.asyncDispose]();
    await leaks[Symbol.asyncDispose]();
  });

  test(`${worker}: an async iterable is read in the body, item by item`, async () => {
    assert.equal(await routines.sum(numbers(1000)), 499_500);
    assert.equal(await routines.sum(numbers(0)), 0);
  });

  test(`${worker}: iterables go in objects and lists, and items come back from a generator meanwhile`, async () => {
    const back: number[] = [];
    for await (const item of routines.doubled({ items: numbers(300) })) back.push(item);
    const rows = await routines.zip([numbers(3), new Source(4, (n) => ({ n })), numbers(5)]);

    assert.deepEqual(
      back,
      Array.from({ length: 300 }, (_, n) => n * 2),
    );
    assert.deepEqual(rows, [
      [0, { n: 0 }, 0],
      [1, { n: 1 }, 1],
      [2, { n: 2 }, 2],
    ]);
  });

  test(`${worker}: large items come whole`, async () => {
    const items = new Source(20, (n) => new Uint8Array(200_000).fill(n));

    const taken = await routines.take(items, 20);

    assert.deepEqual(
      taken,
      Array.from({ length: 20 }, (_, n) => new Uint8Array(200_000).fill(n)),
    );
  });

  test(`${worker}: a source is not read far ahead of the body, and closed when that leaves the loop`, async () => {
    const source = numbers(1_000_000);

    assert.deepEqual(await routines.take(source, 10), [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);

    await eventually(() => source.closed);
    assert.ok(source.made <= 40, `${source.made} items were made for ten`);
  });

  test(`${worker}: a source that the body does not read is closed, and not read`, async () => {
    const source = numbers(10);
    const generator = source[Symbol.asyncIterator]();
    let destroyed = false;
    const readable = new Readable({
      read() {},
      destroy(_error, done) {
        destroyed = true;
        done(null);
      },
    });

    assert.deepEqual(await routines.take(generator, 0), []);
    assert.deepEqual(await routines.take(readable, 0), []);

    assert.deepEqual(await generator.next(), { value: undefined, done: true });
    assert.equal(source.made, 0);
    await eventually(() => destroyed);
  });

  test(`${worker}: an error of the source is thrown where the body reads`, async () => {
    const source = new Source(5, (n) => {
      if (n === 3) throw new RangeError("the fourth is bad");
      return n;
    });

    const { seen, error } = await routines.observe(source);

    assert.deepEqual(seen, [0, 1, 2]);
    assert.ok(error instanceof RangeError);
    assert.equal(error.message, "the fourth is bad");
  });

  test(`${worker}: an item that cannot be sent is an error in the body, and closes the source`, async () => {
    const source = new Source<unknown>(5, (n) => (n === 1 ? { f: () => {} } : n));

    const { seen, error } = await routines.observe(source);

    assert.deepEqual(seen, [0]);
    assert.equal((error as NotSerializableError).code, "ERR_MERINO_NOT_SERIALIZABLE");
    assert.equal((error as NotSerializableError).path, "item.f");
    await eventually(() => source.closed);
  });

  test(`${worker}: an error of the body closes the source`, async () => {
    const source = numbers(100);

    await assert.rejects(routines.failAfterOne(source), RangeError);

    await eventually(() => source.closed);
  });

  test(`${worker}: what a generator returns is the value of its end`, async () => {
    async function* items(): AsyncGenerator<number, string> {
      yield 1;
      return "last";
    }

    assert.deepEqual(await routines.ending(items()), [
      { value: 1, done: false },
      { value: "last", done: true },
      { value: undefined, done: true },
    ]);
  });

  test(`${worker}: cancelling the call ends the body's reading with the reason, and closes a silent source`, async () => {
    const source = new Silent();
    const controller = new AbortController();

    const call = routines.readUntilCancelled.with({ signal: controller.signal })(source);
    await source.asked;
    controller.abort(new Error("changed my mind"));

    await assert.rejects(call, /changed my mind/);
    assert.equal(source.closed, true);
    await eventually(() => pool.stats().workers.every(({ inFlight }) => inFlight === 0));
  });

  test(`${worker}: the budget of the call ends it also while the source is silent`, async () => {
    const source = new Silent();

    await assert.rejects(routines.sum.with({ timeout: 200 })(source), { code: "ERR_MERINO_TIMEOUT" });

    assert.equal(source.closed, true);
  });

  test(`${worker}: a callback runs here, and its values and errors are the body's`, async () => {
    const called: number[] = [];

    const answers = await routines.callBack(
      callback(async (n: number) => {
        called.push(n);
        return { n };
      }),
      3,
      true,
    );
    const failed = routines.callBack(
      callback((n: number) => {
        throw new RangeError(`not ${n}`);
      }),
      1,
      true,
    );

    assert.deepEqual(answers, [{ n: 0 }, { n: 1 }, { n: 2 }]);
    assert.deepEqual(called, [0, 1, 2]);
    await assert.rejects(failed, (error: Error) => error instanceof RangeError && error.message === "not 0");
  });

  test(`${worker}: callbacks start in order, though only some are under way at a time`, async () => {
    const started: number[] = [];
    let underWay = 0;
    let most = 0;

    const answers = await routines.callBack(
      callback(async (n: number) => {
        started.push(n);
        most = Math.max(most, ++underWay);
        await new Promise((resolve) => setImmediate(resolve));
        underWay -= 1;
        return n;
      }),
      2000,
      false,
    );

    const expected = Array.from({ length: 2000 }, (_, n) => n);
    assert.deepEqual(started, expected);
    assert.deepEqual(answers, expected);
    assert.ok(most <= 256, `${most} were under way`);
  });

  test(`${worker}: a callback runs in the surroundings in which the call was made`, async () => {
    const store = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];

    await store.run("here", () =>
      routines.callBack(
        callback(() => void seen.push(store.getStore())),
        2,
        true,
      ),
    );

    assert.deepEqual(seen, ["here", "here"]);
  });

  test(`${worker}: a callback may call its pool`, async () => {
    const answers = await routines.callBack(
      callback((n: number) => pool.run(() => routines.echo(n * 10))),
      3,
      true,
    );

    assert.deepEqual(answers, [0, 10, 20]);
  });

  test(`${worker}: what came with a call cannot be used after it, and errors nobody awaits end no worker`, async () => {
    await using one =
      worker === "network" ? undefined : await WorkerPool.open({ ...poolOf(worker, 1), ambient: false });
    const on = { pool: one ?? pool };
    await routines.keep.with(on)(
      callback(() => 1),
      numbers(3),
    );
    const errors = (await routines.useLate.with(on)()) as MerinoError[];

    assert.deepEqual(
      errors.map(({ code }) => code),
      ["ERR_MERINO_CALL_ENDED", "ERR_MERINO_CALL_ENDED"],
    );
    assert.equal(
      await routines.forget.with(on)(callback(() => Promise.reject(new Error("unheard")))),
      "alive",
    );
  });

  test(`${worker}: a bare function is refused, and the message names callback()`, async () => {
    await assert.rejects(
      routines.echo(() => {}),
      (error: MerinoError) =>
        error.code === "ERR_MERINO_NOT_SERIALIZABLE" && error.message.includes("callback("),
    );
  });

  test(`${worker}: what cannot go on is refused before anything is sent`, async () => {
    await assert.rejects(routines.echo(callback(() => {})), { code: "ERR_MERINO_NOT_SERIALIZABLE" });
    const source = numbers(3);
    await assert.rejects(async () => await routines.again(source), { code: "ERR_MERINO_INVALID_OPTION" });
    assert.equal(await routines.again.with({ retry: false })(source), "object");
  });

  test(`${worker}: a ReadableStream arrives as one, and is cancelled with the body's reason`, async () => {
    let cancelled: unknown;
    const endless = new ReadableStream<number>({
      pull: (controller) => controller.enqueue(7),
      cancel: (reason) => {
        cancelled = reason;
      },
    });
    const bytes = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let n = 0; n < 5; n++) controller.enqueue(new Uint8Array(100_000));
        controller.close();
      },
    });

    assert.deepEqual(await routines.readStream(bytes), { bytes: 500_000, is: true });
    assert.equal(await routines.cancelStream(endless), 7);
    await eventually(() => cancelled instanceof Error);
    assert.equal((cancelled as Error).message, "enough");
  });

  test(`${worker}: a Readable of Node is read as an iterable`, async () => {
    assert.deepEqual(await routines.take(Readable.from(["a", "b"]), 2), ["a", "b"]);
  });

  test(`${worker}: a WritableStream is written here, closed at the end of the call, and aborted if that fails`, async () => {
    const log: unknown[] = [];
    const sink = (): WritableStream<number> =>
      new WritableStream({
        write: (n) => void log.push(n),
        close: () => void log.push("closed"),
        abort: (reason) => void log.push((reason as Error).message),
      });

    assert.equal(await routines.write(sink(), 3, true), 3);
    assert.equal(await routines.write(sink(), 2, false), 2);
    await eventually(() => log.filter((entry) => entry === "closed").length === 2);
    await assert.rejects(routines.writeAndFail(sink()), RangeError);
    await eventually(() => log.includes("no more"));

    assert.deepEqual(log, [1, 2, 3, "closed", 1, 2, "closed", 1, "no more"]);
  });

  if (worker !== "network") {
    test(`${worker}: what a body has got, it may pass on to the next worker`, async () => {
      const sums: number[] = [];

      const total = await routines.relay(
        numbers(5),
        callback((sum) => void sums.push(sum)),
      );

      assert.equal(total, 10);
      assert.deepEqual(sums, [0, 1, 3, 6, 10]);
    });
  }

  if (worker === "process") {
    test(`${worker}: a worker that dies closes the source, and the call says that it is lost`, async () => {
      const source = numbers(1_000_000);

      await assert.rejects(routines.die(source), { code: "ERR_MERINO_WORKER_LOST" });

      await eventually(() => source.closed);
    });
  }
}
