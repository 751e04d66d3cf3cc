/** The benchmarks' functions for Merino; the files beside it hold the same ones in the peers' forms. */
import { move, routine } from "merino";
import { work as hash } from "./work.mjs";

export const add = routine(function add(x: number, y: number): number {
  return x + y;
});

/** Spins for a time rather than for a number of steps, so that a loaded machine does not change the job. */
export const busy = routine(function busy(durationMs: number): void {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
});

export const work = routine(function work(units: number): number {
  return hash(units);
});

/** So many such bodies as nested calls, some at a time. */
export const workNested = routine(async function workNested(units: number, count: number, lanes: number) {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left-- > 0) await work(units);
  };
  await Promise.all(Array.from({ length: lanes }, lane));
});

/** Every call in it is one to a worker: the name inside is another, so that it is not its own. */
export const fib = routine(async function fibonacci(n: number): Promise<number> {
  if (n < 2) return n;
  const [one, two] = await Promise.all([fib(n - 1), fib(n - 2)]);
  return one + two;
});

export const items = routine(async function* items(count: number): AsyncGenerator<number, void, void> {
  for (let item = 0; item < count; item++) yield item;
});

/** Processor time of the worker so far, in milliseconds. */
export const cpuTime = routine(function cpuTime() {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
});

export const echo = routine(function echo(bytes: Buffer): Buffer {
  return bytes;
});

export const echoValue = routine(function echoValue(value: unknown): unknown {
  return value;
});

/** Gives the bytes back without keeping them. */
export const moveBack = routine(function moveBack(bytes: Uint8Array): Uint8Array {
  return move(bytes);
});

export const sizeOf = routine(function sizeOf(bytes: Buffer): number {
  return bytes.length;
});

/** One that nobody on the network may call. */
export const nobodys = routine(
  function nobodys(x: number, y: number) {
    return x + y;
  },
  { allow: ["spiffe://nobody/here"] },
);
