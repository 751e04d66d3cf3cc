/**
 * The runner of these tests: what it says of files that pass, fail, cannot be imported, hang, run no test or
 * leave something behind, and what it ends with.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { leakCheck } from "../support/leak-check.ts";
import { type RunResult, runNode } from "../support/run-node.ts";
import { temporaryPackage } from "../support/temporary-package.ts";

const RUNNER = fileURLToPath(new URL("../../scripts/test.mjs", import.meta.url));
const PASSING = 'import { test } from "node:test";\ntest("passes", () => {});\n';

/** Runs test files, whose names begin with their stage, and returns what is said of them. */
async function runTests(
  files: Readonly<Record<string, string>>,
  ...options: readonly string[]
): Promise<RunResult & { readonly failed: readonly string[]; readonly counts: Record<string, number> }> {
  using tests = temporaryPackage({ "package.json": '{ "type": "module" }', ...files });
  const result = await runNode([RUNNER, "--no-build", `--folder=${tests.directory}`, ...options]);
  const failed = [...result.stdout.matchAll(/^# failed: (.+)$/gm)].map(([, reason = ""]) =>
    reason.replaceAll(/\S*merino-test-\w+\//g, ""),
  );
  const counts = [...result.stdout.matchAll(/^# (tests|pass|fail|cancelled|skipped) (\d+)$/gm)];
  return {
    ...result,
    failed,
    counts: Object.fromEntries(counts.map(([, name, count]) => [name, Number(count)])),
  };
}

test("npm test ends with the counts of all files, after the slowest tests", async () => {
  await using _leaks = leakCheck();

  const { exitCode, stdout, counts } = await runTests({
    "unit/one.test.ts": PASSING,
    "unit/two.test.ts": `${PASSING}test("does not", { skip: "here" }, () => {});`,
    "contract/three.test.ts": PASSING,
    "integration/four.test.ts":
      'import { test } from "node:test";\ntest("in it", (t) => t.test("is another"));\n',
  });

  assert.equal(exitCode, 0, stdout);
  assert.deepEqual(counts, { tests: 6, pass: 5, fail: 0, cancelled: 0, skipped: 1 });
  assert.match(stdout, /^# skips: \S+two\.test\.ts > does not: here$/m);
  assert.match(stdout, /^# slowest: \d+ ms \S+four\.test\.ts > in it > is another$/m);
  assert.match(stdout, /^# processor time: \d+\.\d s \S+four\.test\.ts$/m);
  assert.match(stdout, /^# processor time: (?=.*\d s unit)(?=.*\d s contract)(?=.*\d s integration).*$/m);
  assert.match(
    stdout.slice(stdout.lastIndexOf("\n# slowest")),
    /^\n# slowest.*(?:\n# processor time.*){5}\n# skips.*(?:\n# [a-z_]+ [\d.]+){8}\n?$/,
  );
});

test("npm test runs the files whose path contains a part that is given, and none but those", async () => {
  await using _leaks = leakCheck();
  const files = { "unit/codec/one.test.ts": PASSING, "unit/wire/two.test.ts": PASSING };

  const some = await runTests(files, "unit/codec");
  const none = await runTests(files, "unit/nothing");

  assert.deepEqual([some.exitCode, some.counts.tests], [0, 1]);
  assert.equal(none.exitCode, 1);
  assert.match(none.stderr, /No test file has 'unit\/nothing' in its path/);
});

test("npm test begins with the integration tests that say they run early", async () => {
  await using _leaks = leakCheck();

  const { exitCode, stdout } = await runTests(
    {
      "integration/first.test.ts": PASSING,
      "integration/late.test.ts": `// runs early: it waits\n${PASSING}`,
      "unit/one.test.ts": PASSING,
    },
    "--concurrency=1",
  );

  const order = [...stdout.matchAll(/^ok \d+ - \S*?(\w+)\.test\.ts$/gm)].map(([, name]) => name);
  assert.equal(exitCode, 0, stdout);
  assert.deepEqual(order, ["one", "late", "first"]);
});

test("npm test names the file of every failure, and goes on with the others", async () => {
  await using _leaks = leakCheck();

  const { exitCode, failed, counts, stdout } = await runTests(
    {
      "unit/barren.test.ts": "export {};\n",
      "unit/broken.test.ts": 'import "./missing.ts";\n',
      "unit/fails.test.ts":
        'import { describe, test } from "node:test";\n' +
        'describe("a group", () => { test("fails", () => { throw new Error("no"); }); test("passes", () => {}); });',
      "unit/hook.test.ts": `import { after } from "node:test";\n${PASSING}after(() => { throw new Error("no"); });`,
      "unit/leaves.test.ts":
        'import { test } from "node:test";\ntest("leaves", () => { process.env.LEFT = "1"; setInterval(() => {}, 1e6); });',
      "unit/alone.test.ts": `// own process: it leaves something\n${PASSING}process.env.LEFT = "2";`,
      "unit/zone.test.ts": PASSING,
      "integration/passes.test.ts": PASSING,
    },
    "--concurrency=1",
  );

  assert.equal(exitCode, 1);
  assert.deepEqual(failed.toSorted(), [
    "unit/barren.test.ts ran no test",
    "unit/broken.test.ts > unit/broken.test.ts can be imported",
    "unit/fails.test.ts > a group > fails",
    "unit/hook.test.ts: failed running after hook",
    "unit/leaves.test.ts leaves the process as it found it",
  ]);
  assert.deepEqual(counts, { tests: 11, pass: 6, fail: 5, cancelled: 0, skipped: 0 });
  assert.match(stdout, /LEFT: undefined before, 1 after/);
});

test("npm test gives up a file that takes too long, and names it", async () => {
  await using _leaks = leakCheck();

  const { exitCode, failed, counts } = await runTests(
    {
      "unit/waits.test.ts":
        'import { test } from "node:test";\n' +
        'test("waits for nothing", () => new Promise(() => setInterval(() => {}, 1e6)));\n',
    },
    "--timeout=100",
  );

  assert.equal(exitCode, 1);
  assert.ok(failed.includes("unit/waits.test.ts > waits for nothing"), failed.join("\n"));
  assert.ok(failed.includes("unit/waits.test.ts: test timed out after 100ms"), failed.join("\n"));
  assert.equal(counts.cancelled, 1);
});

test("npm test ends a file whose loop does not end, and names it", async () => {
  await using _leaks = leakCheck();

  const { exitCode, failed } = await runTests(
    {
      "unit/loops.test.ts": 'import { test } from "node:test";\ntest("loops", () => { for (;;); });',
    },
    "--timeout=100",
    "--stall=5000",
  );

  assert.equal(exitCode, 1);
  assert.ok(failed.includes("nothing happens any more in unit/loops.test.ts"), failed.join("\n"));
  assert.ok(failed.includes("unit/loops.test.ts did not run to its end"), failed.join("\n"));
});

test("npm test ends although a test has left a process that holds its output open", async () => {
  await using _leaks = leakCheck();
  using left = temporaryPackage({});

  await runTests({
    "integration/one.test.ts": `import { spawn } from "node:child_process";
      import { writeFileSync } from "node:fs";
      import { test } from "node:test";
      test("leaves one", () => {
        const child = spawn("sleep", ["20"], { stdio: ["ignore", "ignore", "inherit"], detached: true });
        child.unref();
        writeFileSync(${JSON.stringify(left.path("pid"))}, String(child.pid));
      });`,
  });

  const pid = Number(readFileSync(left.path("pid"), "utf8"));
  assert.ok(pid > 0);
  process.kill(pid, "SIGKILL"); // throws if it had ended first
});
