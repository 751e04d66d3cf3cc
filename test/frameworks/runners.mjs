/** Test runners, each with a routine in a worker and without any. */
import { COMMON_JS, JOBS, MODULES, TSCONFIG, TYPED_JOBS, TYPESCRIPT } from "./project.mjs";

/** Tests in workers, and without any. */
const tests = (header, { before, after, equal, jobs = "./jobs.ts" }) => `${header}
import { WorkerPool } from "merino";
import { add } from "${jobs}";

let pool${jobs.endsWith(".js") ? "" : ": WorkerPool"};
${before}(async () => { pool = await WorkerPool.open({ size: 1 }); });
${after}(() => pool.close());

test("a routine runs in a worker", async () => {
  const [sum, pid] = await add(1, 2);
  ${equal("sum", "3")};
  ${equal("pid === process.pid", "false")};
});

test("a routine runs without workers", async () => {
  const local = await WorkerPool.open({ local: true });
  const [sum, pid] = await add(2, 2);
  ${equal("sum", "4")};
  ${equal("pid === process.pid", "true")};
  await local.close();
});
`;
const expecting = (value, wanted) => `expect(${value}).toBe(${wanted})`;
const asserting = (value, wanted) => `assert.equal(${value}, ${wanted})`;

/** Milliseconds for a test: those of the runners are too few for a worker's start on a machine with much else to do. */
const TEST_TIMEOUT = 60_000;

/** @type {readonly import("./project.mjs").Project[]} */
export const RUNNERS = [
  {
    name: "node:test",
    quick: true,
    packages: ["tsx@4"],
    files: {
      "package.json": MODULES,
      "jobs.ts": TYPED_JOBS,
      "add.test.ts": tests(
        'import assert from "node:assert/strict";\nimport { after, before, test } from "node:test";',
        { before: "before", after: "after", equal: asserting },
      ),
    },
    commands: [["node", "--import", "tsx", "--test-reporter=tap", "--test", "add.test.ts"]],
    expected: /^# pass 2$/m,
  },
  {
    name: "vitest",
    quick: true,
    packages: ["vitest@3", "@vitest/coverage-v8@3", "tsx@4"],
    files: {
      "package.json": MODULES,
      "jobs.ts": TYPED_JOBS,
      "add.test.ts": tests('import { afterAll, beforeAll, expect, test } from "vitest";', {
        before: "beforeAll",
        after: "afterAll",
        equal: expecting,
      }),
    },
    commands: [
      [
        "vitest",
        "run",
        "--coverage",
        "--no-color",
        `--test-timeout=${TEST_TIMEOUT}`,
        `--hook-timeout=${TEST_TIMEOUT}`,
      ],
    ],
    expected: /Tests\s+2 passed/,
    note: "tsx beside it, for TypeScript in workers",
  },
  ...[
    { name: "Jest, with ts-jest", quick: true, packages: ["ts-jest@29"], config: { preset: "ts-jest" } },
    {
      name: "Jest, with babel-jest",
      quick: false,
      packages: ["babel-jest@30", "@babel/preset-env@7", "@babel/preset-typescript@7"],
      config: {},
    },
  ].map(({ name, quick, packages, config }) => ({
    name,
    quick,
    packages: [...TYPESCRIPT, "jest@30", "@types/jest@30", "tsx@4", ...packages],
    files: {
      "package.json": COMMON_JS,
      "tsconfig.json": TSCONFIG.replace('"node"]', '"node","jest"]'),
      "jest.config.json": JSON.stringify({ testEnvironment: "node", testTimeout: TEST_TIMEOUT, ...config }),
      "babel.config.json": JSON.stringify({
        presets: [["@babel/preset-env", { targets: { node: "current" } }], "@babel/preset-typescript"],
      }),
      "jobs.ts": TYPED_JOBS,
      "add.test.ts": tests("", {
        before: "beforeAll",
        after: "afterAll",
        equal: expecting,
        jobs: "./jobs",
      }),
    },
    commands: [["jest"]],
    expected: /Tests:\s+2 passed/,
    note: "tsx beside it, for TypeScript in workers",
  })),
  {
    name: "mocha",
    packages: ["mocha@11"],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "add.test.js": tests('import assert from "node:assert/strict";\nconst test = it;', {
        before: "before",
        after: "after",
        equal: asserting,
        jobs: "./jobs.js",
      }),
    },
    commands: [["mocha", "--timeout", String(TEST_TIMEOUT), "add.test.js"]],
    expected: /2 passing/,
  },
  {
    name: "ava",
    packages: ["ava@6"],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "add.test.js": `import test from "ava";
import { WorkerPool } from "merino";
import { add } from "./jobs.js";
test("a routine runs in a worker, and without any", async (t) => {
  const pool = await WorkerPool.open({ size: 1 });
  t.is((await add(1, 2))[0], 3);
  await pool.close();
  const local = await WorkerPool.open({ local: true });
  t.deepEqual(await add(1, 2), [3, process.pid]);
  await local.close();
});
`,
    },
    commands: [["ava", `--timeout=${TEST_TIMEOUT / 1_000}s`]],
    expected: /1 test passed/,
  },
];
