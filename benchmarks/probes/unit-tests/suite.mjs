/** Fifty unit tests of the service. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { discounts, price, receipt, total } from "./service.mjs";

if (process.env.ROUTINES === "1") {
  const { WorkerPool } = await import("merino");
  let pool;
  before(async () => {
    pool = await WorkerPool.open({ local: true });
  });
  after(() => pool.close());
}

const order = (n) => ({
  id: n,
  at: new Date(n),
  lines: Array.from({ length: 1 + (n % 5) }, (_, at) => ({ item: `item-${n + at}`, amount: at + 1 })),
});

for (let n = 0; n < 10; n += 1) {
  test(`price of item ${n}`, async () => assert.equal(await price(`item-${n}`), (n * 37) % 500));
  test(`no price of ${n}`, () => assert.rejects(price(`nothing-${n}`), RangeError));
  test(`total of order ${n}`, async () => {
    const expected = order(n).lines.reduce(
      (sum, { amount }, at) => sum + amount * (((n + at) * 37) % 500),
      0,
    );
    assert.equal(await total(order(n)), expected);
  });
  test(`receipt of order ${n}`, async () => {
    const { text, digest } = await receipt(order(n));
    assert.equal(JSON.parse(text).id, n);
    assert.equal(digest.length, 64);
  });
  test(`discounts of order ${n}`, async () => {
    const found = [];
    for await (const discount of discounts(order(n))) found.push(discount);
    assert.equal(found.length, Math.max(0, (n % 5) - 1));
  });
}
