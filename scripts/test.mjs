/**
 * Builds, then runs the test files in the order unit, contract, integration, each in a process of its own, and
 * ends with the closing lines of Node's test runner. A run, or a file, in which not one test ran has failed.
 *
 * Usage: npm test -- [part of a path …] [--no-build] [--reporter=spec|tap] [--concurrency=n] [--timeout=ms]
 */
import { readdirSync } from "node:fs";
import path from "node:path";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec as Spec, tap } from "node:test/reporters";
import { parseArgs } from "node:util";
import { ROOT, runCommand, runOrThrow } from "./command.mjs";

const STAGES = ["unit", "contract", "integration"];

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    "no-build": { type: "boolean", default: false },
    // Only TAP puts the closing lines last; the other lists failures after them.
    reporter: { type: "string", default: process.stdout.isTTY ? "spec" : "tap" },
    // Files that start workers compete for the machine with the workers of their neighbours.
    concurrency: { type: "string", default: "2" },
    // Milliseconds for a test, and for a run in which nothing happens.
    timeout: { type: "string", default: "120000" },
  },
});

if (isTypeScriptLoaded()) await runTests();
else {
  if (!options["no-build"]) await runOrThrow(process.execPath, [path.join(ROOT, "scripts/build.mjs")]);
  // The runner passes its own loader flags on to the process of each file.
  const self = ["--import", "tsx", path.join(ROOT, "scripts/test.mjs"), ...process.argv.slice(2)];
  process.exitCode = (await runCommand(process.execPath, self)).code;
}

function isTypeScriptLoaded() {
  return process.execArgv.some((flag, index) => flag === "tsx" && process.execArgv[index - 1] === "--import");
}

async function runTests() {
  const files = STAGES.flatMap(listTests).filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(path.normalize(filter))),
  );
  const running = new Set();
  const barren = new Set();
  let reported = 0;
  const timeout = Number(options.timeout);
  // From Node 22 on the runner's own timeout ends a test but not a process that will not exit.
  const stalled = new AbortController();
  const watchdog = setTimeout(() => {
    fail(`${[...running].join(", ")} did not end`);
    stalled.abort();
  }, timeout + 5_000);
  const events = run({
    files: files.map((file) => path.join(ROOT, file)),
    concurrency: Number(options.concurrency),
    timeout,
    signal: stalled.signal,
  });
  events.on("test:dequeue", ({ name, nesting }) => {
    watchdog.refresh();
    if (nesting === 0 && isFile(name)) running.add(name);
  });
  events.on("test:complete", ({ name }) => {
    watchdog.refresh();
    running.delete(name);
  });
  events.on("test:fail", ({ todo }) => {
    reported += 1;
    if (todo === undefined) process.exitCode = 1;
  });
  events.on("test:pass", ({ name, nesting }) => {
    reported += 1;
    // A file is reported under its own name only if it declared no test.
    if (nesting === 0 && isFile(name)) barren.add(name);
  });
  await pipeline(events.compose(options.reporter === "spec" ? new Spec() : tap), process.stdout, {
    end: false,
  });
  clearTimeout(watchdog);
  for (const file of barren) fail(`${file} ran no test`);
  if (reported === barren.size) fail(`no test ran in ${files.length} files`);
}

/** Whether a name the runner reports is that of a file: a path, absolute or from here. */
function isFile(name) {
  return /\.test\.[cm]?ts$/.test(name) && path.resolve(name).startsWith(path.join(ROOT, "test"));
}

/** Test files of one stage, as sorted paths from the repository's root. */
function listTests(stage) {
  const folder = path.join(ROOT, "test", stage);
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.test\.[cm]?ts$/.test(name))
    .map((name) => path.join("test", stage, name))
    .sort();
}

function fail(reason) {
  process.stderr.write(`test: ${reason}\n`);
  process.exitCode = 1;
}
