/**
 * `npm run chaos`: random faults, at least one a second, to six network workers, their network, their certificates and
 * their callers. Prints what has come of it; the exit code is 1 if something should not have.
 *
 *     npm run chaos -- --minutes 3 --seed 7
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { leakCheck } from "../../support/leak-check.ts";
import { useDnsServer } from "../../support/start-dns-server.ts";
import { runChaos } from "./chaos.ts";
import { describeChaos } from "./describe-chaos.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "3" },
    seed: { type: "string", default: String(Date.now() % 2 ** 31) },
  },
});
const seed = Number(values.seed);
const durationMs = Number(values.minutes) * 60_000;
if (!Number.isSafeInteger(seed) || !(durationMs > 0))
  throw new Error("'--minutes' and '--seed' take numbers");
const dnsServer = await useDnsServer();
process.stdout.write(`seed ${seed}\n`);
{
  await using _leaks = leakCheck({ withinMs: 20_000 });
  const report = await runChaos({ durationMs, seed, dnsServer, patient: true });
  process.stdout.write(`${describeChaos(report)}\n`);
  if (report.findings.length > 0) process.exitCode = 1;
}
process.stdout.write("nothing is left open\n");
