/**
 * Builds, then runs the test files, unit and contract tests first, and ends with the closing lines of Node's test
 * runner, after the slowest tests, the files that took most processor time, and the tests that failed. A run, or a
 * file, in which not one test ran has failed.
 *
 * Unit and contract tests share a few processes, since loading Node, the compiler and the sources takes longer than
 * most files do: each takes the next file when it is done with one, so that all end at the same time. A file that
 * cannot share one says so in a line of its own: `// own process: ‹why›`. Integration tests always have one each, and
 * run what is built: even with `--no-build`, it is built if it is older than the sources. A file that takes long says
 * so, by `// runs early: ‹why›`: it is the first among those it shares processes with, or begins beside the unit tests,
 * so that the run does not end with one file for which the machine has to wait.
 *
 * Usage: npm test -- [part of a path …] [--no-build] [--reporter=spec|tap] [--concurrency=n] [--timeout=ms]
 *   [--stall=ms] [--costs=n] [--folder=test]
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import process from "node:process";
import { pipeline } from "node:stream/promises";
import { run } from "node:test";
import { spec as Spec, tap } from "node:test/reporters";
import { pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { ROOT, runCommand, runOrThrow } from "./command.mjs";
import { TestReport } from "./test-report.mjs";
import { compileAll } from "./typescript/compile.mjs";

const SHARING = ["unit", "contract"];
const STAGES = [...SHARING, "integration"];
/** Unit tests are busy all the time: more of their processes than processors only take longer each. */
const SHARED_PROCESSES = 2;
const OWN_PROCESS = /^\/\/ own process: \S/m;
const RUNS_EARLY = /^\/\/ runs early: \S/m;

const { values: options, positionals: filters } = parseArgs({
  allowPositionals: true,
  options: {
    "no-build": { type: "boolean", default: false },
    // Only TAP puts the closing lines last; the other lists failures after them.
    reporter: { type: "string", default: process.stdout.isTTY ? "spec" : "tap" },
    // For two processors: files that start workers wait at times, and compete with those of their neighbours for the rest.
    concurrency: { type: "string", default: "3" },
    // Milliseconds for the tests of a file.
    timeout: { type: "string", default: "300000" },
    // Milliseconds in which nothing happens at all, until the run is given up.
    stall: { type: "string", default: "320000" },
    // How many of the files that took most processor time to name; ten of a whole run.
    costs: { type: "string" },
    // Where the tests are; another one is for the test of this runner.
    folder: { type: "string", default: "test" },
  },
});

const LOADER = `${pathToFileURL(path.join(ROOT, "scripts/typescript/register.mjs")).href}?instead-of=tsx`;
const TESTS = path.resolve(ROOT, options.folder);

if (isTypeScriptLoaded()) await runTests();
else {
  if (!options["no-build"] || (chooseFiles().some(needsBuild) && !isBuilt()))
    await runOrThrow(process.execPath, [path.join(ROOT, "scripts/build.mjs")]);
  await compileAll(["src", "test", "examples", "benchmarks"].flatMap(listTypeScript));
  // The runner passes its own flags on to the processes of the tests.
  const self = ["--import", LOADER, path.join(ROOT, "scripts/test.mjs"), ...process.argv.slice(2)];
  // No test needs it, and Node 20 reads all of these certificates at each start, for longer than all else takes that it does.
  const env = { NODE_EXTRA_CA_CERTS: undefined };
  process.exitCode = (await runCommand(process.execPath, self, { env })).code;
}

function isTypeScriptLoaded() {
  return process.execArgv.includes(LOADER);
}

async function runTests() {
  const files = chooseFiles();
  if (files.length === 0) throw new Error(`No test file has '${filters.join("' or '")}' in its path`);
  const concurrency = Number(options.concurrency);
  const timeoutMs = Number(options.timeout);
  const folder = mkdtempSync(path.join(tmpdir(), "merino-tests-"));
  const costsFile = path.join(folder, "costs.jsonl");
  const report = new TestReport(files, {
    slowest: filters.length === 0 ? 10 : 0,
    costliest: Number(options.costs ?? (filters.length === 0 ? 10 : 0)),
    costsFile,
    folder: path.relative(ROOT, TESTS),
  });
  const batches = divide(files, concurrency).map((batch, index) => {
    const entry = path.join(folder, `batch-${index + 1}.mjs`);
    const statusFile = path.join(folder, `batch-${index + 1}.status`);
    writeFileSync(entry, batchProgram(batch, { timeoutMs, statusFile, costsFile, claims: folder }));
    return { ...batch, entry, statusFile };
  });
  const started = new Set();
  // A loop that does not end blocks the runner's own timeout, and a process that will not exit survives it.
  const stalled = new AbortController();
  const watchdog = setTimeout(() => {
    const running = batches
      // Not every Node tells under this name that a file has begun.
      .filter(({ entry, statusFile }) => started.has(entry) || existsSync(statusFile))
      .map(currentFile)
      .filter((file) => report.awaits(file));
    report.fail(`nothing happens any more in ${running.join(", ")}`);
    stalled.abort();
  }, Number(options.stall));
  try {
    const events = run({ files: batches.map(({ entry }) => entry), concurrency, signal: stalled.signal });
    events.on("test:dequeue", ({ name }) => started.add(name));
    for (const type of ["test:dequeue", "test:complete"]) events.on(type, () => watchdog.refresh());
    const reporter = options.reporter === "spec" ? new Spec() : tap;
    const reported = events.compose((source) => report.follow(source)).compose(reporter);
    await pipeline(reported, process.stdout, { end: false });
  } finally {
    clearTimeout(watchdog);
    rmSync(folder, { recursive: true });
  }
  // All has been said. A process that a failed test has left may hold its output open, for which the runner would wait.
  process.exit(report.failed ? 1 : 0);
}

/** The files to run. */
function chooseFiles() {
  return STAGES.flatMap(listTests).filter(
    (file) => filters.length === 0 || filters.some((filter) => file.includes(path.normalize(filter))),
  );
}

/** Whether a file imports the library as it is built. */
function needsBuild(file) {
  return file.startsWith(path.join("test", "integration") + path.sep);
}

/** Whether there is a whole build, begun after the last change of a source. */
function isBuilt() {
  // The build writes declarations first, and the listener's thread last.
  const [first, last] = ["dist/index.d.ts", "dist/host/listener.js"].map((file) => path.join(ROOT, file));
  if (!existsSync(first) || !existsSync(last)) return false;
  const builtMs = statSync(first).mtimeMs;
  const sources = readdirSync(path.join(ROOT, "src"), { recursive: true, encoding: "utf8" });
  return ["scripts/build.mjs", "src", ...sources.map((name) => path.join("src", name))].every(
    (name) => statSync(path.join(ROOT, name)).mtimeMs <= builtMs,
  );
}

/** What one process does. */
function batchProgram({ files, shared }, { claims, ...common }) {
  const runner = pathToFileURL(path.join(ROOT, "scripts/test-batch.mjs")).href;
  const options = { ...common, ...(shared && { claims }) };
  const parameters = [files, options].map((value) => JSON.stringify(value));
  return `import { runBatch } from "${runner}";\nawait runBatch(${parameters.join(", ")});\n`;
}

/** The file that a process has begun with last. */
function currentFile({ files, statusFile }) {
  return existsSync(statusFile) ? readFileSync(statusFile, "utf8") : files[0];
}

/** Which files run in one process, or in the first of several that comes to it, in the order in which they begin. */
function divide(files, concurrency) {
  const ordered = [...files.filter(runsEarly), ...files.filter((file) => !runsEarly(file))];
  const sharing = ordered.filter(sharesProcess);
  const processes = Math.min(concurrency, SHARED_PROCESSES, sharing.length);
  // Each has one for itself, since a process without a test would count as one.
  const rest = sharing.slice(processes);
  const batches = sharing.slice(0, processes).map((first) => ({ files: [first, ...rest], shared: true }));
  const others = ordered.filter((file) => !sharing.includes(file));
  return [...batches, ...others.map((file) => ({ files: [file], shared: false }))];
}

function runsEarly(file) {
  return RUNS_EARLY.test(contentOf(file));
}

function sharesProcess(file) {
  const isSharing = SHARING.some((stage) =>
    file.startsWith(path.relative(ROOT, path.join(TESTS, stage)) + path.sep),
  );
  return isSharing && !OWN_PROCESS.test(contentOf(file));
}

function contentOf(file) {
  return readFileSync(path.join(ROOT, file), "utf8");
}

function listTypeScript(folder) {
  return readdirSync(path.join(ROOT, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts") && !name.split(path.sep).includes("node_modules"))
    .map((name) => path.join(ROOT, folder, name));
}

/** Test files of one stage, as sorted paths from the repository's root. */
function listTests(stage) {
  const folder = path.join(TESTS, stage);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .filter((name) => /\.test\.[cm]?ts$/.test(name))
    .map((name) => path.relative(ROOT, path.join(folder, name)))
    .sort();
}
