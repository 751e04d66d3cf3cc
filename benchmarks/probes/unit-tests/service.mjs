/** A service as people test it: it prices orders, from functions that are routines if `ROUTINES` is set. */
import { createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";

const { routine } = process.env.ROUTINES === "1" ? await import("merino") : { routine: (body) => body };

const PRICES = new Map(Array.from({ length: 1_000 }, (_, n) => [`item-${n}`, (n * 37) % 500]));

export const price = routine(async function price(item) {
  const found = PRICES.get(item);
  if (found === undefined) throw new RangeError(`No such item: ${item}`);
  return found;
});

export const total = routine(async function total(order) {
  const prices = await Promise.all(order.lines.map(({ item }) => price(item)));
  return order.lines.reduce((sum, { amount }, at) => sum + amount * prices[at], 0);
});

export const receipt = routine(async function receipt(order) {
  await setImmediate();
  const text = JSON.stringify(order);
  return { text, digest: createHash("sha256").update(text.repeat(100)).digest("hex") };
});

export const discounts = routine(async function* discounts(order) {
  for (const { item, amount } of order.lines) if (amount > 2) yield { item, percent: amount };
});
