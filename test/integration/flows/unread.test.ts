/** What a pool says that closes while nobody reads the streams of an answer. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { WorkerPool } from "merino";
import { leakCheck } from "../../support/leak-check.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { count, silent } from "./answers.ts";

test("a pool that closes says what it waits for where nobody reads a stream of an answer, and goes on waiting", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  const pool = await WorkerPool.open({ local: true });
  const items = await count(1_000); // more than are sent ahead
  const first = await items.next();

  const warned = once(process, "warning");
  const closed = pool.close();
  await warned;
  const rest: unknown[] = [];
  for await (const item of items) rest.push(item);
  await closed;

  assert.deepEqual([first, rest.length], [{ value: 0, done: false }, 999]);
  assert.deepEqual(warnings.codes, ["MERINO_CLOSE_WAITS"]);
  assert.match(warnings.messages[0] ?? "", /for 1 call whose values or streams nobody reads/);
});

test("a pool that closes says nothing where somebody waits for an item", async () => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();
  const pool = await WorkerPool.open({ local: true });
  const items = (await silent())[Symbol.asyncIterator]();
  const first = await items.next();
  const second = assert.rejects(items.next(), { code: "ERR_MERINO_POOL_CLOSED" });

  await pool.close({ grace: 1_500 }); // longer than until it would say so
  await second;

  assert.equal(first.value, 1);
  assert.deepEqual(warnings.codes, []);
});
