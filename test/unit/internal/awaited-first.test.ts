/** `using` with a promise fails where it stands, and says what to write. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { awaitedFirst } from "../../../src/internal/awaited-first.ts";

class Opened implements AsyncDisposable {
  disposed = false;
  async [Symbol.asyncDispose](): Promise<void> {
    this.disposed = true;
  }
}

const open = (opened = new Opened()): Promise<Opened> => awaitedFirst(Promise.resolve(opened), "open()");
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
