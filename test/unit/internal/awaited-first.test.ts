/** `using` with a promise fails where it stands, and says what to write. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { awaitedFirst } from "../../../src/internal/awaited-first.ts";

class Opened implements AsyncDisposable {
  disposed = false;
  get workers(): number {
    return 1;
  }
  async close(): Promise<void> {}
  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

const open = (opened = new Opened()): Promise<Opened> =>
  awaitedFirst(Promise.resolve(opened), "open()", Opened.prototype);
const ADVICE = {
  name: "TypeError",
  message: "open() gives a promise: write 'await using … = await open()', with both awaits",
};

test("a promise of awaitedFirst refuses to be disposed of, before the block goes on", async () => {
  let entered = false;

  assert.throws(() => {
    using _opened = open() as never;
    entered = true;
  }, ADVICE);
  await assert.rejects(async () => {
    await using _opened = open() as never;
    entered = true;
  }, ADVICE);

  assert.equal(entered, false);
});

test("a promise of awaitedFirst is an ordinary promise otherwise", async () => {
  const opened = new Opened();
  {
    await using same = await open(opened);
    assert.equal(same, opened);
  }
  const promise = open();

  assert.equal(opened.disposed, true);
  assert.equal(promise.constructor, Promise);
  assert.deepEqual(Object.keys(promise), []);
  assert.match(inspect(promise), /^Promise \{/);
});

test("a promise of awaitedFirst says of each member of what it promises that it is to be awaited", async () => {
  const promise = open() as Promise<Opened> & Opened;

  for (const [name, use] of [
    ["workers", () => promise.workers],
    ["close", () => promise.close()],
  ] as const) {
    assert.throws(use, {
      name: "TypeError",
      message: `open() gives a promise, which has no '${name}': write 'await open()'`,
    });
  }
  assert.equal((await promise).workers, 1);
});
