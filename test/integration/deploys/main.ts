/**
 * Rolls out one build after the other under load, once the package is built. Prints what has come of it; the exit code is
 * 1 if a call failed, or was run by another build than its caller's.
 *
 *     node --import tsx test/integration/deploys/main.ts --deploys 20 --workers 4
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { deployUnderLoad } from "./rolling-deploy.ts";

const { values } = parseArgs({
  options: {
    deploys: { type: "string", default: "20" },
    workers: { type: "string", default: "4" },
  },
});
const { calls, crossed, failed, refused, exitCodes } = await deployUnderLoad({
  deploys: Number(values.deploys),
  workers: Number(values.workers),
});
const failures = Object.entries(failed);
process.stdout.write(
  `${calls} calls during ${exitCodes.length} replacements, ${refused} workers refused for their build\n` +
    `crossed ${crossed}, failed ${failures.reduce((sum, [, count]) => sum + count, 0)}\n` +
    failures.map(([text, count]) => `  ${count} × ${text}\n`).join(""),
);
process.exitCode = crossed > 0 || failures.length > 0 || exitCodes.some((code) => code !== 0) ? 1 : 0;
