/**
 * Builds, then runs the example that shows most of the library at once, on this machine. Options of the example follow
 * `--`, as in `npm run demo -- --workers 4`.
 */
import path from "node:path";
import process from "node:process";
import { ROOT, runCommand, runOrThrow } from "./command.mjs";

await runOrThrow(process.execPath, [path.join(ROOT, "scripts/build.mjs")]);
/**
 * A few seconds of work, most of it in the bodies: a file takes some milliseconds. With less for each call, what is
 * measured is the way to the workers and back.
 */
const JOB = ["--limit", "1500", "--quality", "10"];

const main = path.join(ROOT, "examples/folder-report/main.ts");
process.exitCode = (
  await runCommand(process.execPath, ["--import", "tsx", main, ...JOB, ...process.argv.slice(2)])
).code;
