/** Routines called from tests: Node's test runner and vitest. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { MODULES, STRIPS_TYPES, TSX, userProject } from "./user-project.ts";

const JOBS = `import { routine } from "merino";
export const add = routine(async function add(x: number, y: number) { return x + y; });
`;

const TEST = `import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { WorkerPool } from "merino";
import { add } from "./jobs.ts";

let pool: WorkerPool;
before(async () => { pool = await WorkerPool.open({ size: 1 }); });
after(() => pool.close());

test("it adds", async () => { assert.equal(await add(1, 2), 3); });
test("it adds again", async () => { assert.equal(await add(2, 2), 4); });
`;

/** What a test runner of Node's counted, by name. */
function counts(stdout: string): Record<string, number> {
  const found = stdout.matchAll(/^# (tests|pass|fail|cancelled|skipped) (\d+)$/gm);
  return Object.fromEntries(Array.from(found, ([, name, count]) => [name, Number(count)]));
}

describe("tests of a user's", () => {
  for (const [how, args] of [
    ["by node --test", ["--test", "--test-reporter=tap", "add.test.ts"]],
    ["by node alone", ["--test-reporter=tap", "add.test.ts"]],
  ] as const) {
    test(`they call routines of a module of their own, counted once, run ${how}`, async () => {
      await using project = userProject({ "package.json": MODULES, "jobs.ts": JOBS, "add.test.ts": TEST });

      const { exitCode, stdout, stderr } = await project.run([...TSX, ...args]);

      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
      assert.deepEqual(counts(stdout), { tests: 2, pass: 2, fail: 0, cancelled: 0, skipped: 0 });
    });

    test(`they are told where to put a routine that a test file declares, run ${how}`, async () => {
      const declared = `import { routine } from "merino";
const add = routine(async function add(x: number, y: number) { return x + y; });`;
      const text = TEST.replace('import { add } from "./jobs.ts";', declared).replace(
        /^test\("it adds"[\s\S]*/m,
        'test("it", async () => { const error = await add(1, 2).catch((error) => error); assert.deepEqual([error.code, error.routine], ["ERR_MERINO_ROUTINE_NOT_FOUND", "program/add.test.ts#add"]); assert.match(error.message, /test file.*module of its own/); });',
      );
      await using project = userProject({ "package.json": MODULES, "add.test.ts": text });

      const { exitCode, stdout, stderr } = await project.run([...TSX, ...args]);

      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" }, stdout);
      assert.deepEqual(counts(stdout), { tests: 1, pass: 1, fail: 0, cancelled: 0, skipped: 0 });
    });
  }

  test("they are counted once where the file, of another name, declares the routine itself", async () => {
    const declared = `import { routine } from "merino";
const add = routine(async function add(x: number, y: number) { return x + y; });`;
    await using project = userProject({
      "package.json": MODULES,
      "checks.ts": TEST.replace('import { add } from "./jobs.ts";', declared),
    });

    const { exitCode, stdout, stderr } = await project.run([
      ...TSX,
      "--test",
      "--test-reporter=tap",
      "checks.ts",
    ]);

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.deepEqual(counts(stdout), { tests: 2, pass: 2, fail: 0, cancelled: 0, skipped: 0 });
  });

  const VITEST = TEST.replace('import assert from "node:assert/strict";\n', "")
    .replace("node:test", "vitest")
    .replace("after, before, test", "afterAll, beforeAll, expect, test")
    .replaceAll(/\b(after|before)\(/g, "$1All(")
    .replaceAll(/assert\.equal\((.*), (\d)\);/g, "expect($1).toBe($2);");

  for (const runner of ["forks", "threads"]) {
    test(`they call routines of a TypeScript module under vitest with the ${runner} pool`, async () => {
      await using project = userProject(
        {
          "package.json": MODULES,
          // Neither the extension of the import nor the enum is for Node alone.
          "add.test.ts": VITEST.replace("./jobs.ts", "./jobs.js"),
          "jobs.ts": `import { Sign } from "./sign.js";\n${JOBS.replace("x + y", "x + y * Sign.plus")}`,
          "sign.ts": "export enum Sign { minus = -1, plus = 1 }",
        },
        { dependencies: ["tsx", "vitest"] },
      );

      const { exitCode, stdout, stderr } = await project.run([
        "node_modules/vitest/vitest.mjs",
        "run",
        `--pool=${runner}`,
        "--reporter=json",
      ]);

      assert.equal(exitCode, 0, `${stdout}${stderr}`);
      const report = JSON.parse(stdout.slice(stdout.indexOf("{"))) as Record<string, unknown>;
      assert.deepEqual([report.numPassedTests, report.numTotalTests], [2, 2]);
      assert.equal(stderr, "");
    });
  }

  test("they may evaluate a module again under vitest, and are refused two routines of one identity", async () => {
    await using project = userProject(
      {
        "package.json": MODULES,
        "again.test.ts": `import { afterAll, beforeAll, expect, test, vi } from "vitest";
          import { WorkerPool } from "merino";
          let pool: WorkerPool;
          beforeAll(async () => { pool = await WorkerPool.open({ size: 1 }); });
          afterAll(() => pool.close());
          for (const n of [1, 2, 3]) {
            test("evaluation " + n, async () => {
              vi.resetModules();
              const { add } = await import("./jobs.js");
              expect(await add(n, 1)).toBe(n + 1);
            });
          }
          test("refused", async () => {
            await expect(import("./twice.js")).rejects.toThrow(/twice.ts#job.*twice.ts:\\d+:\\d+.*{ name }/);
          });`,
        "jobs.ts": JOBS,
        "twice.ts": `import { routine } from "merino";
          const job = (n: number) => routine(async function job() { return n; });
          export const one = job(1);
          export const two = job(2);`,
      },
      { dependencies: ["tsx", "vitest"] },
    );

    const { exitCode, stdout, stderr } = await project.run(["node_modules/vitest/vitest.mjs", "run"]);

    assert.equal(exitCode, 0, `${stdout}${stderr}`);
    assert.equal(stderr, "");
  });

  test("without tsx they work under vitest where Node takes TypeScript, and fail with a clear error elsewhere", async () => {
    const expectation = STRIPS_TYPES
      ? "expect(await add(1, 2)).toBe(3)"
      : "await expect(add(1, 2)).rejects.toThrow(/npm install --save-dev tsx/)";
    await using project = userProject(
      {
        "package.json": MODULES,
        "add.test.ts": VITEST.replace(
          /^test\("it adds"[\s\S]*/m,
          `test("it", async () => { ${expectation}; });`,
        ),
        "jobs.ts": JOBS,
      },
      { dependencies: ["vitest"] },
    );

    const { exitCode, stdout, stderr } = await project.run(["node_modules/vitest/vitest.mjs", "run"]);

    assert.equal(exitCode, 0, `${stdout}${stderr}`);
  });
});
