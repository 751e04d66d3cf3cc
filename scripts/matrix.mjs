/**
 * Runs the test suite on every supported line of Node.js: the current one and those named here, which npm brings
 * into a temporary folder. Ends with a table and fails if any of them failed.
 *
 * Usage: npm run matrix -- [major …] [-- options of scripts/test.mjs]
 */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { ROOT, runCommand, runOrThrow } from "./command.mjs";

const MAJORS = ["22", "24", "26"];

const given = process.argv.slice(2);
const split = given.indexOf("--");
const wanted = split === -1 ? given : given.slice(0, split);
const testOptions = split === -1 ? [] : given.slice(split + 1);
for (const major of wanted) {
  if (!/^\d+$/.test(major)) throw new RangeError(`'${major}' is not a major version of Node.js`);
}

const folder = await mkdtemp(path.join(tmpdir(), "merino-matrix-"));
const rows = [];
try {
  await runOrThrow(process.execPath, ["scripts/build.mjs"]);
  if (wanted.length === 0) rows.push(await runSuite(process.execPath));
  for (const major of wanted.length === 0 ? MAJORS : wanted)
    rows.push(await runSuite(await bringNode(major)));
} finally {
  await rm(folder, { recursive: true, force: true });
}

process.stdout.write(
  "\n| Node.js | tests | pass | fail | cancelled | skipped | seconds | |\n|---|---|---|---|---|---|---|---|\n",
);
for (const row of rows) process.stdout.write(`| ${row.cells.join(" | ")} |\n`);
if (rows.some(({ passed }) => !passed)) process.exitCode = 1;

/** Brings a major version from the registry and returns the path of its executable. */
async function bringNode(major) {
  const prefix = path.join(folder, major);
  const install = [
    "install",
    "--no-save",
    "--no-audit",
    "--no-fund",
    "--silent",
    "--prefix",
    prefix,
    `node@${major}`,
  ];
  await runOrThrow("npm", install, { capture: true });
  return path.join(prefix, "node_modules/node/bin/node");
}

/** Runs the suite with one executable, first in the search path so that what the tests start is of its version. */
async function runSuite(node) {
  const PATH = [path.dirname(node), process.env.PATH].join(path.delimiter);
  const version = (await runOrThrow(node, ["--version"], { capture: true })).trim();
  process.stdout.write(`${version}: running\n`);
  const suite = [path.join(ROOT, "scripts/test.mjs"), "--no-build", "--reporter=tap", ...testOptions];
  const { code, output } = await runCommand(node, suite, { capture: true, env: { PATH } });
  if (code !== 0) process.stdout.write(`${output}\n`);
  const figure = (name) => new RegExp(`^# ${name} ([\\d.]+)$`, "m").exec(output)?.[1] ?? "?";
  const seconds = (Number(figure("duration_ms")) / 1000).toFixed(1);
  const counts = ["tests", "pass", "fail", "cancelled", "skipped"].map(figure);
  return { passed: code === 0, cells: [version, ...counts, seconds, code === 0 ? "ok" : "FAILED"] };
}
