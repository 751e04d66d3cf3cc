/** Calls that call: each for a number from 2 up makes two more, which go to the workers. */
import type { Row } from "./row.ts";

const N = 15;
const CALLS = 1_973;
const RESULT = 610;

export const NESTED: Row = {
  name: "nested",
  title: `Fibonacci's number of ${N} by nested calls`,
  figures: [
    { key: "ms", head: "ms" },
    { key: "perSecond", head: "calls/s" },
  ],
  async measure({ fib }) {
    if (fib === undefined) return undefined;
    const start = performance.now();
    const result = await fib(N);
    const ms = performance.now() - start;
    if (result !== RESULT) throw new Error(`It gave ${result}, not ${RESULT}`);
    return { ms, perSecond: (CALLS / ms) * 1_000 };
  },
};
