/**
 * Builds, then runs the example that shows most of the library at once, on this machine. Options of the example follow
 * `--`, as in `npm run demo -- --workers 4`. TypeScript is loaded as in the tests: with tsx, three processes of a program
 * that runs for seconds would spend one of them on loading it.
 */
import path from "node:path";
import process from "node:process";
import { pathToFileURL } from "node:url";
import { ROOT, runCommand, runOrThrow } from "./command.mjs";

await runOrThrow(process.execPath, [path.join(ROOT, "scripts/build.mjs")]);
const loader = `${pathToFileURL(path.join(ROOT, "scripts/typescript/register.mjs")).href}?instead-of=tsx`;
const main = path.join(ROOT, "examples/folder-report/main.ts");
process.exitCode = (
  await runCommand(process.execPath, ["--import", loader, main, ...process.argv.slice(2)])
).code;
