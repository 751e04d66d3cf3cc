/**
 * A thousand random schedules of calls with iterables, streams and callbacks, in which callers, bodies and workers fail.
 * Prints what has come of them; the exit code is 1 if something should not have.
 *
 *     node --expose-gc --import tsx test/integration/flow-faults/main.ts --schedules 1000 --seed 7 --only 11
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { leakCheck } from "../../support/leak-check.ts";
import { runMatrix } from "./matrix.ts";

/** How much more the heap may hold in the end than after the first schedules. */
const MOST_GROWN_BYTES = 8 * 1024 * 1024;

const { values } = parseArgs({
  options: {
    schedules: { type: "string", default: "1000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
    only: { type: "string" },
  },
});
const [schedules, seed] = [Number(values.schedules), Number(values.seed)];
const only = values.only === undefined ? undefined : Number(values.only);
if (!Number.isSafeInteger(seed) || !(schedules > 0))
  throw new Error("'--schedules' and '--seed' take numbers");
process.stdout.write(`seed ${seed}\n`);

function heapBytes(): number {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed;
}

{
  await using _leaks = leakCheck({ withinMs: 20_000, endsThreads: true });
  let earlyBytes = 0;
  const startMs = performance.now();
  const onDone = (done: number): void => {
    if (done === Math.ceil(schedules / 3)) earlyBytes = heapBytes();
  };
  const { ended, findings } = await runMatrix({ seed, schedules, only, onDone });
  const grownBytes = heapBytes() - earlyBytes;
  const all = [...findings];
  if (globalThis.gc !== undefined && only === undefined && grownBytes > MOST_GROWN_BYTES)
    all.push(`the heap grew by ${grownBytes} bytes`);
  process.stdout.write(
    `${JSON.stringify(ended)}, heap ${(grownBytes / 1024 / 1024).toFixed(1)} MiB more than after a third, ${Math.round((performance.now() - startMs) / 1_000)} s\n`,
  );
  for (const finding of all) process.stdout.write(`FOUND ${finding}\n`);
  if (all.length > 0) process.exitCode = 1;
}
