/** Iterables and streams in the answers of functions, from workers of one kind. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { StaticDiscovery, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { poolOf } from "../../support/pool-of.ts";
import { type NetworkWorker, startNetworkWorker } from "../network-worker/workers.ts";
import * as routines from "./answers.ts";

const ROUTINES = new URL("./answers.ts", import.meta.url);

async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const read: T[] = [];
  for await (const item of items) read.push(item);
  return read;
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, n) => n);

async function* numbers(count: number): AsyncGenerator<number> {
  for (let n = 0; n < count; n++) yield n;
}

/** Runs all of them against a pool of one worker of this kind. */
export function returnsStreams(worker: "local" | "thread" | "process" | "network"): void {
  const network: NetworkWorker[] = [];
  let pool: WorkerPool;
  let leaks: AsyncDisposable;

  /** Notes of the worker until there is this one. */
  async function notedUntil(note: string): Promise<string[]> {
    const notes: string[] = [];
    await eventually(async () => {
      notes.push(...(await routines.noted()));
      return notes.includes(note);
    });
    return notes;
  }

  /** No call is under way, here or there. */
  async function isIdle(): Promise<void> {
    await eventually(() => pool.stats().workers.every(({ inFlight }) => inFlight === 0));
  }

  before(async () => {
    leaks = leakCheck();
    if (worker === "network") {
      network.push(await startNetworkWorker({ modules: [fileURLToPath(ROUTINES)] }));
      pool = await WorkerPool.open({ discovery: new StaticDiscovery(network.map(({ remote }) => remote)) });
    } else pool = await WorkerPool.open(poolOf(worker, 1));
  });

  after(async () => {
    await pool.close();
    for (const started of network) await started[Symbol.asyncDispose]();
    await leaks[Symbol.asyncDispose]();
  });

  test(`${worker}: a generator object comes as an iterable, with all items in order and what it returns`, async () => {
    const items = await routines.count(1000);

    assert.deepEqual(await all(items), upTo(1000));
    const ended = await routines.count(1);
    assert.deepEqual(await ended.next(), { value: 0, done: false });
    assert.deepEqual(await ended.next(), { value: "last", done: true });
    assert.deepEqual(await ended.next(), { value: undefined, done: true });
    await isIdle();
  });

  test(`${worker}: nothing is made before it is read, and little ahead of a reader`, async () => {
    await routines.noted();
    const items = await routines.count(1_000_000);
    assert.deepEqual(await routines.noted(), []);

    for (let n = 0; n < 3; n++) await items.next();
    await items.return("enough");

    const notes = await notedUntil("closed");
    assert.ok(notes.length <= 12, `${notes.length} notes`);
    await isIdle();
  });

  test(`${worker}: streams come in objects and lists, and the call ends with the last of them`, async () => {
    const { title, parts } = await routines.several(100);
    const [first, second] = parts as unknown as [AsyncIterable<number>, AsyncIterable<number>];

    assert.equal(title, "numbers");
    assert.deepEqual(await all(first), upTo(100));
    assert.equal(pool.stats().workers[0]?.inFlight, 1);
    assert.deepEqual(
      await all(second),
      upTo(100).map((n) => n * 10),
    );
    await isIdle();
    const [one, other] = await routines.twice();
    assert.equal(one, other);
    assert.deepEqual(await all(one as AsyncIterable<number>), [0, 1]);
  });

  test(`${worker}: large items come whole`, async () => {
    const items = await all(await routines.buffers(20, 200_000));

    assert.deepEqual(
      items,
      upTo(20).map((n) => new Uint8Array(200_000).fill(n)),
    );
  });

  test(`${worker}: a ReadableStream comes as one, and is cancelled with the reader's reason`, async () => {
    const whole = await routines.web(50);
    assert.ok(whole instanceof ReadableStream);
    assert.deepEqual(await all(whole), upTo(50));

    const reader = (await routines.web(1_000_000)).getReader();
    assert.deepEqual(await reader.read(), { value: 0, done: false });
    await reader.cancel(new Error("enough"));

    await notedUntil("cancelled: enough");
    await isIdle();
  });

  test(`${worker}: a Readable of Node comes as an iterable, and is destroyed`, async () => {
    assert.deepEqual(await all(await routines.node(["a", "b"])), ["a", "b"]);
    const unread = await routines.node(["a", "b"]);
    for await (const item of unread) {
      assert.equal(item, "a");
      break;
    }

    const notes = [...(await notedUntil("destroyed")), ...(await routines.noted())];
    assert.ok(notes.includes("destroyed"));
    await isIdle();
  });

  test(`${worker}: an error of the source is thrown where it is read, after the items before it`, async () => {
    const items = await routines.failing(3);
    const read: number[] = [];

    await assert.rejects(
      async () => {
        for await (const item of items) read.push(item);
      },
      (error: Error) => error instanceof RangeError && error.message === "no 3",
    );

    assert.deepEqual(read, [0, 1, 2]);
    await isIdle();
    const unsendable = await routines.unsendable();
    assert.deepEqual(await unsendable.next(), { value: 0, done: false });
    await assert.rejects(unsendable.next(), { code: "ERR_MERINO_NOT_SERIALIZABLE", path: "item.f" });
    await isIdle();
  });

  test(`${worker}: leaving a stream whose source is silent fires the signal of its task`, async () => {
    for await (const _item of await routines.silent()) {
      break;
    }
    await notedUntil("silent closed, not aborted");
    const items = (await routines.silent())[Symbol.asyncIterator]();
    await items.next();
    const pending = items.next();
    await items.return?.();

    await notedUntil("silent closed, aborted");
    assert.deepEqual(await pending, { value: undefined, done: true });
    await isIdle();
  });

  test(`${worker}: the signal of the call ends its streams with the reason, read or not`, async () => {
    const controller = new AbortController();
    const on = { signal: controller.signal };
    const items = (await routines.silent.with(on)())[Symbol.asyncIterator]();
    const unread = await routines.count.with(on)(3);
    await items.next();
    const pending = items.next();

    controller.abort(new Error("changed my mind"));

    await assert.rejects(pending, /changed my mind/);
    await assert.rejects(unread.next(), /changed my mind/);
    await notedUntil("silent closed, aborted");
    await isIdle();
  });

  test(`${worker}: the budget of the call goes on until its streams have ended`, async () => {
    const unread = await routines.silent.with({ timeout: 300 })();
    await isIdle();

    await assert.rejects(all(unread), { code: "ERR_MERINO_TIMEOUT" });
  });

  test(`${worker}: what came with the call lives as long as the stream that it answers with`, async () => {
    assert.deepEqual(
      await all(await routines.doubled(numbers(200))),
      upTo(200).map((n) => n * 2),
    );
    assert.deepEqual(await all((await routines.back(numbers(100))) as AsyncIterable<number>), upTo(100));
    await isIdle();
  });

  test(`${worker}: items are made in the context of the body; what that has changed comes with the head`, async () => {
    await routines.language.run("de", async () => {
      const items = await routines.languages.with({ tag: "tagged" })();

      assert.equal(routines.language.get(), "fr");
      assert.deepEqual(await all(items), ["de", "fr", "tagged"]);
    });
  });

  test(`${worker}: what cannot be in an answer is refused with its path`, async () => {
    const code = "ERR_MERINO_NOT_SERIALIZABLE";

    await assert.rejects(routines.refused("callback"), { code, path: "result.fn" });
    await assert.rejects(routines.refused("writable"), { code, path: "result[0]" });
    await assert.rejects(routines.refused("generator"), { code, path: "result" });
    await assert.rejects(routines.halfSendable(), { code, path: "result.f" });
    await assert.rejects(async () => await routines.again(), { code, path: "result" });
    assert.deepEqual(await all(await routines.again.with({ retry: false })()), [0, 1, 2]);
    await isIdle();
  });

  if (worker !== "network") {
    test(`${worker}: the stream of a call that a body has made may be its own answer`, async () => {
      assert.deepEqual(await all(await routines.relayed(300)), upTo(300));
      await isIdle();
    });

    test(`${worker}: a pool that is closed ends the streams that are open`, async () => {
      const closing = await WorkerPool.open({ ...poolOf(worker, 1), ambient: false });
      const items = await routines.silent.with({ pool: closing })();

      await closing.close({ grace: 0 });

      await assert.rejects(all(items), { code: "ERR_MERINO_POOL_CLOSED" });
    });
  }

  if (worker === "process") {
    test(`${worker}: a worker that dies ends the stream with an error that says so`, async () => {
      await using dying = await WorkerPool.open({ size: 1, worker, ambient: false });
      const items = await routines.dying.with({ pool: dying })(5);

      await assert.rejects(all(items), { code: "ERR_MERINO_WORKER_LOST" });
    });
  }
}
