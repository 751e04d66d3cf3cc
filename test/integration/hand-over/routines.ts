/** Streams that go from one worker to another. */
import { appendFileSync } from "node:fs";
import { ContextVar, routine } from "merino";

/** Process and thread in which something ran. */
const here = (): string => `${process.pid}`;

/** Counts up, and says who makes the items. */
export const count = routine(async function* count(to: number) {
  for (let n = 0; n < to; n++) yield { n, from: here() };
  return "counted";
});

/** Counts up without waiting for anything. */
export const countSync = routine(function* countSync(to: number) {
  for (let n = 0; n < to; n++) yield n;
});

export const sum = routine(async function sum(items: AsyncIterable<number | { n: number }>) {
  let total = 0;
  for await (const item of items) total += typeof item === "number" ? item : item.n;
  return total;
});

/** Adds up, and says where, and whence the items came. */
export const trace = routine(async function trace(items: AsyncIterable<{ n: number; from: string }>) {
  const from = new Set<string>();
  let total = 0;
  for await (const item of items) {
    total += item.n;
    from.add(item.from);
  }
  return { total, from: [...from], here: here() };
});

/** Takes some items, and says what it got. */
export const some = routine(async function some(items: AsyncIterable<unknown>, most: number) {
  const taken: unknown[] = [];
  if (most === 0) return taken;
  for await (const item of items) if (taken.push(item) === most) break;
  return taken;
});

export const doubled = routine(async function* doubled(items: AsyncIterable<number>) {
  for await (const item of items) yield item * 2;
});

/** What goes wrong where the body reads, and what came before. */
export const observe = routine(async function observe(items: AsyncIterable<unknown>) {
  const seen: unknown[] = [];
  try {
    for await (const item of items) seen.push(item);
    return { seen };
  } catch (error) {
    return { seen, error };
  }
});

/** Each result of the iterator, past its end. */
export const steps = routine(async function steps(items: AsyncIterableIterator<unknown>) {
  const results: unknown[] = [];
  let ends = 0;
  while (ends < 2) {
    const result = await items.next();
    results.push(result);
    if (result.done === true) ends += 1;
  }
  return results;
});

export const bad = routine(async function* bad() {
  yield 1;
  throw new RangeError("the second is bad");
});

export const unsendable = routine(async function* unsendable() {
  yield 1;
  yield { f: () => {} };
});

/** A head, and rows. */
export const report = routine(async function report(count: number) {
  async function* rows(): AsyncGenerator<number> {
    for (let n = 0; n < count; n++) yield n;
  }
  return { title: `${count} rows`, rows: rows() };
});

/** Writes how far it has come, and that it is closed, into a file. @param dieAt The process exits at this item. */
export const watched = routine(async function* watched(path: string, dieAt = Number.POSITIVE_INFINITY) {
  try {
    for (let n = 0; ; n++) {
      if (n === dieAt) process.exit(3);
      appendFileSync(path, ".");
      yield n;
    }
  } finally {
    appendFileSync(path, "closed");
  }
});

/** Reads some items, and takes its worker with it. */
export const dieAfter = routine(async function dieAfter(items: AsyncIterable<unknown>, most: number) {
  let read = 0;
  for await (const _item of items) if (++read === most) process.exit(3);
  return read;
});

export const made = new ContextVar<string>("hand-over routines made", { default: "-" });
export const read = new ContextVar<string>("hand-over routines read", { default: "-" });

/** Each item is what its step has seen. */
export const setting = routine(async function* setting(count: number) {
  for (let n = 0; n < count; n++) {
    const seen = [made.get(), read.get()];
    made.set(`item ${n}`);
    yield seen;
  }
  made.set("end");
});

/** A stream with what {@link setting} has. */
export const settings = routine(async function settings(count: number) {
  async function* rows(): AsyncGenerator<unknown> {
    for (let n = 0; n < count; n++) {
      const seen = [made.get(), read.get()];
      made.set(`item ${n}`);
      yield seen;
    }
    made.set("end");
  }
  return { rows: rows() };
});

/** What came, and what is seen here with it. */
export const readSettings = routine(async function readSettings(items: AsyncIterator<unknown>) {
  const seen: unknown[] = [];
  for (let n = 0; ; n++) {
    read.set(`read ${n}`);
    const { value, done } = await items.next();
    seen.push([value, made.get()]);
    if (done === true) return seen;
  }
});
