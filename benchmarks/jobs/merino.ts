/** The benchmarks' functions for Merino; the files beside it hold the same ones in the peers' forms. */
import { routine } from "merino";

export const add = routine(function add(x: number, y: number): number {
  return x + y;
});

/** Spins for a time rather than for a number of steps, so that a loaded machine does not change the job. */
export const busy = routine(function busy(durationMs: number): void {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
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
