/**
 * Replaces certificates under load, once the package is built: a hundred times on each side during 100 000 calls. Prints
 * what has come of it; the exit code is 1 if a call was lost or wrong, or new ones came into use late.
 *
 *     node --import tsx test/integration/rotation/main.ts --rotations 100 --calls 100000 --seed 7
 */
import { monitorEventLoopDelay } from "node:perf_hooks";
import process from "node:process";
import { parseArgs } from "node:util";
import { rotateUnderLoad } from "./rotation.ts";

/** Within which new material is promised to be used. */
const PROMISED_MS = 1_000;

const { values } = parseArgs({
  options: {
    rotations: { type: "string", default: "100" },
    calls: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const seed = Number(values.seed);
const loop = monitorEventLoopDelay();
loop.enable();
const report = await rotateUnderLoad({
  rotations: Number(values.rotations),
  calls: Number(values.calls),
  seed,
});
const { calls, connections, probes, torn, wrong, lost, delaysMs, old } = report;
print(`seed ${seed}`);
print(`${calls} calls, ${connections} of them the first of a new connection; ${probes} connections to probe`);
print(`wrong ${wrong}, lost ${Object.values(lost).reduce((sum, count) => sum + count, 0)}`);
for (const [text, count] of Object.entries(lost)) print(`  ${count} × ${text}`);
print(`this program's thread was held for at most ${(loop.max / 1e6).toFixed(0)} ms`);
let worstMs = 0;
for (const [side, delays] of Object.entries(delaysMs)) {
  const sorted = [...delays].sort((one, other) => one - other);
  const median = sorted[Math.floor(sorted.length / 2)] ?? 0;
  const worst = sorted.at(-1) ?? 0;
  worstMs = Math.max(worstMs, worst);
  print(
    `${side}: ${sorted.length} pairs, in use after ${median.toFixed(0)} ms (median), ${worst.toFixed(0)} ms (worst)`,
  );
}
print(`${torn} of them torn on the way`);
print(`after the end of a pair: ${JSON.stringify(old)}`);
process.exitCode = wrong === 0 && Object.keys(lost).length === 0 && worstMs <= PROMISED_MS ? 0 : 1;

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}
