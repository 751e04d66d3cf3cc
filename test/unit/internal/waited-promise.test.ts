/** Waiting for something keeps the process alive, from the first waiter to the end; not waiting does not. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createDeferred } from "../../../src/internal/deferred.ts";
import { waitedFor } from "../../../src/internal/waited-promise.ts";
import { keepAliveCount } from "../../support/keep-alive-count.ts";

const WAITS: Readonly<Record<string, (promise: Promise<number>) => Promise<unknown>>> = {
  await: async (promise) => await promise,
  "a reaction": (promise) => promise.then((value) => value),
  catch: (promise) => promise.catch(() => {}),
  finally: (promise) => promise.finally(() => {}),
  "Promise.race": (promise) => Promise.race([promise, new Promise(() => {})]),
  "Promise.allSettled": async (promise) => {
    const [outcome] = await Promise.allSettled([promise]);
    return outcome.status === "fulfilled" ? outcome.value : undefined;
  },
};

for (const [name, wait] of Object.entries(WAITS)) {
  test(`a promise of waitedFor keeps the process alive while somebody waits by ${name}`, async () => {
    const source = createDeferred<number>();
    const promise = waitedFor(source.promise);
    assert.equal(keepAliveCount(), 0);

    const waits = [wait(promise), wait(promise)];
    await Promise.resolve();
    assert.equal(keepAliveCount(), 1);
    source.resolve(7);

    assert.deepEqual(await Promise.all(waits), [7, 7]);
    assert.equal(keepAliveCount(), 0);
  });
}

test("a promise of waitedFor keeps nothing alive for nobody, nor for who comes when it has settled", async () => {
  const source = createDeferred<number>();
  const promise = waitedFor(source.promise);
  source.resolve(1);
  await source.promise;

  assert.equal(await promise, 1);
  assert.equal(keepAliveCount(), 0);
  assert.ok(promise instanceof Promise);
  assert.equal(promise.then().constructor, Promise);
});
