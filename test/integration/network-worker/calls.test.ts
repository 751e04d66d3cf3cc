/** Calls to a worker over TCP: the whole path through its listener thread, both ways. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { WorkerProxy } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { hidden } from "./fixtures/hidden-routines.ts";
import {
  add,
  addNested,
  addUnless,
  countdown,
  echo,
  fail,
  produce,
  producedSoFar,
  waitersSeen,
  waitForCancel,
} from "./fixtures/network-routines.ts";
import { startNetworkWorker } from "./workers.ts";

test("a network worker's record names a TCP address, its own socket, and that it is not secure", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();

  const { address, secure, socket, hostId } = started.metadata;

  assert.match(address, /^127\.0\.0\.1:\d+$/);
  assert.equal(secure, false);
  assert.equal(typeof socket, "string");
  assert.equal(typeof hostId, "string");
});

test("a proxy calls functions and generators of a worker over TCP", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  const sums = await Promise.all(Array.from({ length: 500 }, (_, n) => add.with({ pool: proxy })(n, 1)));
  const values = await collect(countdown.with({ pool: proxy })(5));

  assert.deepEqual(
    sums,
    Array.from({ length: 500 }, (_, n) => n + 1),
  );
  assert.deepEqual(values, [5, 4, 3, 2, 1]);
});

test("an error thrown on a network worker arrives with its class and cause", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  const error = await fail
    .with({ pool: proxy })("too far")
    .catch((caught: unknown) => caught);

  assert.ok(error instanceof RangeError);
  assert.equal(error.message, "too far");
  assert.equal((error.cause as Error).message, "because");
});

test("large values pass through a listener thread both ways, unchanged, several at a time", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const sent = [1, 2, 3].map((seed) => Buffer.alloc(20 * 1024 * 1024, `${seed} merino `));
  const text = "ü".repeat(3_000_000);

  const [returned, returnedText] = await Promise.all([
    Promise.all(sent.map((bytes) => echo.with({ pool: proxy })(bytes))),
    echo.with({ pool: proxy })(text),
  ]);

  assert.deepEqual(
    returned.map((bytes) => digest(bytes as Uint8Array)),
    sent.map(digest),
  );
  assert.equal(returnedText, text);
});

test("a caller that stops reading a stream over TCP stops its producer", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const values = produce.with({ pool: proxy, prefetch: 1000 })(100_000);

  const first = await values.next();
  const ahead = await eventuallyStable(() => producedSoFar.with({ pool: proxy })());
  await values.return(undefined);

  assert.equal((first.value as Buffer).length, 100_000);
  assert.ok(ahead < 1000, `${ahead} values of 100 kB were made before any was asked for`);
});

test("a caller's signal ends a task on a network worker", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const controller = new AbortController();
  const call = waitForCancel.with({ pool: proxy, signal: controller.signal })();
  const settled = call.then(
    () => "value",
    (error: unknown) => error,
  );
  const seen = waitersSeen.with({ pool: proxy });
  await eventually(async () => (await seen()).waiters === 1);

  controller.abort(new Error("enough"));

  assert.equal(((await settled) as Error).message, "enough");
  await eventually(async () => (await seen()).cancellations === 1);
});

test("a network caller is refused a routine of a module that the worker was not started with", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  const error = await hidden
    .with({ pool: proxy })()
    .catch((caught: unknown) => caught);

  assert.equal((error as { refusal?: string }).refusal, "NOT_EXPOSED");
});

test("a call nested in a task of the network is refused when its discovery is not allowed", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });

  const error = await addNested
    .with({ pool: proxy })(1, 2)
    .catch((caught: unknown) => caught);

  assert.equal((error as { code?: string }).code, "ERR_MERINO_NO_ACTIVE_POOL");
});

test("a caller on the same host uses the worker's socket, and may cause imports there", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.metadata] });

  assert.equal(await hidden.with({ pool: proxy })(), "imported");
  assert.equal(await addNested.with({ pool: proxy })(1, 2), 3);
});

test("fifty proxies share one network worker", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  const proxies = await Promise.all(
    Array.from({ length: 50 }, () => WorkerProxy.open({ workers: [started.remote] })),
  );

  try {
    const sums = await Promise.all(
      proxies.flatMap((proxy, n) => [0, 1, 2].map((more) => add.with({ pool: proxy })(n, more))),
    );

    assert.deepEqual(
      sums,
      proxies.flatMap((_, n) => [0, 1, 2].map((more) => n + more)),
    );
  } finally {
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
});

function digest(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const collected: T[] = [];
  for await (const value of values) collected.push(value);
  return collected;
}

/** Waits until a count no longer grows. */
async function eventuallyStable(count: () => Promise<number>): Promise<number> {
  let before = -1;
  await eventually(async () => {
    const now = await count();
    const stable = now === before;
    before = now;
    return stable;
  });
  return before;
}

test("what is finished on a network worker arrives, and what has not started is refused, when a body ends the process", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const unsent = new AbortController();
  const callMany = (fatal: number) =>
    Array.from({ length: 12 }, (_, n) => addUnless.with({ pool: proxy, signal: unsent.signal })(n, fatal));
  await eventually(async () => {
    const calls = callMany(-1);
    const isKnownToBeShort = proxy.queued === 0; // so all of them have left at once
    await Promise.all(calls);
    return isKnownToBeShort;
  });

  const calls = callMany(6);
  // None, unless a body of the last calls seemed to be a long one because the machine was busy. They would wait for
  // another worker, which does not come.
  const queued = proxy.queued;
  calls[6]?.catch(() => unsent.abort(new Error("not sent")));
  const outcomes = await Promise.allSettled(calls);

  const found = outcomes.map((outcome) =>
    outcome.status === "fulfilled" ? outcome.value : (outcome.reason.code ?? outcome.reason.message),
  );
  assert.deepEqual(found.slice(0, 7), [0, 1, 2, 3, 4, 5, "ERR_MERINO_WORKER_LOST"]);
  for (const [index, refusal] of found.slice(7).entries()) {
    const mayBeUnsent = index + 7 >= found.length - queued;
    if (!mayBeUnsent || refusal !== "not sent") assert.equal(refusal, "ERR_MERINO_NO_WORKERS");
  }
});
