import { type Callback, currentTask, routine } from "merino";

/** Adds up the items. */
export const sum = routine(async function sum(items: AsyncIterable<number>) {
  let total = 0;
  for await (const item of items) total += item;
  return total;
});

/** Gives each item back, doubled. */
export const doubled = routine(async function* doubled({ items }: { items: AsyncIterable<number> }) {
  for await (const item of items) yield item * 2;
});

/** Takes items of several iterables, one of each in turn. */
export const zip = routine(async function zip(iterables: AsyncIterable<unknown>[]) {
  const iterators = iterables.map((iterable) => iterable[Symbol.asyncIterator]());
  const rows: unknown[][] = [];
  for (;;) {
    const row = await Promise.all(iterators.map((iterator) => iterator.next()));
    if (row.some(({ done }) => done === true)) return rows;
    rows.push(row.map(({ value }) => value as unknown));
  }
});

/** Takes so many items, and leaves the loop. */
export const take = routine(async function take(items: AsyncIterable<unknown>, count: number) {
  const taken: unknown[] = [];
  if (count === 0) return taken;
  for await (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
});

/** Takes an item, and fails. */
export const failAfterOne = routine(async function failAfterOne(items: AsyncIterable<unknown>) {
  for await (const item of items) throw new RangeError(`no ${String(item)}`);
});

/** How the iterable has ended for its body. */
export const observe = routine(async function observe(items: AsyncIterable<unknown>) {
  const seen: unknown[] = [];
  try {
    for await (const item of items) seen.push(item);
  } catch (error) {
    return { seen, error };
  }
  return { seen, error: undefined };
});

/** Reads until it is cancelled, and ends only if it learns of that. */
export const readUntilCancelled = routine(async function readUntilCancelled(items: AsyncIterable<unknown>) {
  try {
    for await (const _item of items);
  } catch (error) {
    const { signal } = currentTask() ?? {};
    if (signal?.aborted === true && signal.reason === error) throw error;
  }
  await new Promise<never>(() => {});
});

/** The values that the iterator itself gives, up to its end. */
export const ending = routine(async function ending(items: AsyncIterator<unknown>) {
  const results: unknown[] = [];
  for (;;) {
    const result = await items.next();
    results.push(result);
    if (result.done === true) return [...results, await items.next()];
  }
});

/** Passes an iterable and a callback on to another worker. */
export const relay = routine(async function relay(items: AsyncIterable<number>, tell: Callback<[number]>) {
  return await sumAndTell(items, tell);
});

/** Adds up, telling of each sum. */
export const sumAndTell = routine(async function sumAndTell(
  items: AsyncIterable<number>,
  tell: Callback<[number]>,
) {
  let total = 0;
  for await (const item of items) {
    total += item;
    await tell(total);
  }
  return total;
});

/** Calls back so many times; the answers. */
export const callBack = routine(async function callBack(
  fn: Callback<[number], unknown>,
  count: number,
  awaited: boolean,
) {
  if (awaited) {
    const answers: unknown[] = [];
    for (let n = 0; n < count; n++) answers.push(await fn(n));
    return answers;
  }
  return await Promise.all(Array.from({ length: count }, (_, n) => fn(n)));
});

let late: Callback<[number], unknown> | undefined;
let lateItems: AsyncIterable<unknown> | undefined;

/** Keeps what it is given beyond its call. */
export const keep = routine(async function keep(
  fn: Callback<[number], unknown>,
  items: AsyncIterable<unknown>,
) {
  late = fn;
  lateItems = items;
  void fn(1); // nobody awaits the answer
});

/** Uses what {@link keep} has kept. */
export const useLate = routine(async function useLate() {
  const errors: unknown[] = [];
  await late?.(2).catch((error: unknown) => errors.push(error));
  await lateItems?.[Symbol.asyncIterator]()
    .next()
    .catch((error: unknown) => errors.push(error));
  return errors;
});

/** Never awaits the callbacks, whatever they come to. */
export const forget = routine(async function forget(fn: Callback<[number], unknown>) {
  void fn(1);
  void fn(2);
  await fn(3).catch(() => {});
  return "alive";
});

/** Reads a stream of the web. */
export const readStream = routine(async function readStream(stream: ReadableStream<Uint8Array>) {
  let bytes = 0;
  for await (const chunk of stream) bytes += chunk.length;
  return { bytes, is: stream instanceof ReadableStream };
});

/** Reads one chunk and wants no more. */
export const cancelStream = routine(async function cancelStream(stream: ReadableStream<unknown>) {
  const reader = stream.getReader();
  const { value } = await reader.read();
  await reader.cancel(new Error("enough"));
  return value;
});

/** Writes numbers. */
export const write = routine(async function write(
  stream: WritableStream<number>,
  upTo: number,
  close: boolean,
) {
  const writer = stream.getWriter();
  for (let n = 1; n <= upTo; n++) await writer.write(n);
  if (close) await writer.close();
  return upTo;
});

/** Writes one number, and fails. */
export const writeAndFail = routine(async function writeAndFail(stream: WritableStream<number>) {
  await stream.getWriter().write(1);
  throw new RangeError("no more");
});

/** Ends its worker as soon as it has an item. */
export const die = routine(async function die(items: AsyncIterable<unknown>) {
  for await (const _item of items) process.kill(process.pid, "SIGKILL");
});

/** Gives back what it is given. */
export const echo = routine(async function echo(value: unknown) {
  return value;
});

/** Runs at most once, or more often. */
export const again = routine(
  async function again(value: unknown) {
    return typeof value;
  },
  { idempotent: true, retry: { attempts: 2 } },
);
