/** The routines that workloads call, in plain JavaScript so that no loader is measured. */
import { routine } from "merino";

export const add = routine(function add(x, y) {
  return x + y;
});

export const fail = routine(function fail() {
  throw new TypeError("no good");
});

export const echo = routine(function echo(value) {
  return value;
});

/** Spins for a time rather than for a number of steps, so that a loaded machine does not change the job. */
export const busy = routine(function busy(durationMs) {
  const end = performance.now() + durationMs;
  while (performance.now() < end);
});

/** Without an end; the consumer leaves. */
export const numbers = routine(function* numbers() {
  for (let number = 0; ; number++) yield number;
});

/**
 * Makes many small calls out of one. An arrow, because a named function would mean itself by its name, and call
 * itself right here.
 */
export const fibonacci = routine(
  async (n) => {
    if (n < 2) return n;
    const [one, other] = await Promise.all([fibonacci(n - 1), fibonacci(n - 2)]);
    return one + other;
  },
  { name: "fibonacci" },
);

/** CPU time that this worker has had so far, all its threads together. */
export const cpuTime = routine(function cpuTime() {
  const { user, system } = process.cpuUsage();
  return { pid: process.pid, cpuUs: user + system };
});
