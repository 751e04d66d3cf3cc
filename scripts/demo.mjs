/** Builds, then runs the example that shows most of the library at once, on this machine. */
import path from "node:path";
import process from "node:process";
import { ROOT, runCommand, runOrThrow } from "./command.mjs";

await runOrThrow(process.execPath, [path.join(ROOT, "scripts/build.mjs")]);
const main = path.join(ROOT, "examples/folder-report/main.ts");
process.exitCode = (
  await runCommand(process.execPath, ["--import", "tsx", main, ...process.argv.slice(2)])
).code;
