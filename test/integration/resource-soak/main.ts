/**
 * A hundred thousand calls that need GPUs, on three hosts whose workers are killed. Prints what has come of it; the exit
 * code is 1 if something should not have.
 *
 *     node --import tsx test/integration/resource-soak/main.ts --calls 100000 --seed 7
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { leakCheck } from "../../support/leak-check.ts";
import { runSoak } from "./soak.ts";

const { values } = parseArgs({
  options: {
    calls: { type: "string", default: "100000" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const [calls, seed] = [Number(values.calls), Number(values.seed)];
if (!Number.isSafeInteger(seed) || !(calls > 0)) throw new Error("'--calls' and '--seed' take numbers");
process.stdout.write(`seed ${seed}\n`);
{
  await using _leaks = leakCheck({ withinMs: 20_000 });
  const report = await runSoak({ calls, seed, killEveryMs: 2_000 });
  const { findings, tookMs, ...rest } = report;
  process.stdout.write(`${JSON.stringify(rest)} in ${Math.round(tookMs / 1_000)} s\n`);
  for (const finding of findings) process.stdout.write(`FOUND ${finding}\n`);
  if (findings.length > 0) process.exitCode = 1;
}
