/** Routines for the life of workers: one that leaks, and one that takes a processor for a while, or as good as. */
import { setTimeout as sleep } from "node:timers/promises";
import { routine } from "merino";

const kept = [];

/** Keeps a mebibyte for ever. */
export const leak = routine(async function leak(n) {
  kept.push(Buffer.alloc(2 ** 20, n));
});

export const add = routine(async function add(x, y) {
  return x + y;
});

/** One at a time in each worker, as if it had its processor. */
export const take = routine(
  async function take(ms) {
    await sleep(ms);
  },
  { limit: 1 },
);
