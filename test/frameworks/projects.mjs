/**
 * Projects as users have them, for `npm run frameworks`: what is installed beside Merino, the files, the commands, what
 * the last of them has to print, and what a user has to know.
 *
 * @typedef {object} Project
 * @property {string} name What the row of the table is called.
 * @property {"run" | "test" | "bundle" | "serve"} kind
 * @property {readonly string[]} packages To install, with their major versions.
 * @property {Readonly<Record<string, string>>} files By path.
 * @property {readonly (readonly string[])[]} commands `node` is this Node; other names are programs that were installed.
 * @property {RegExp} expected In the output of the last command.
 * @property {string} [note] What has to be done, in a few words; absent: nothing.
 * @property {Readonly<Record<string, string>>} [env]
 */

const MODULES = '{ "name": "project", "private": true, "type": "module" }';
const COMMON_JS = '{ "name": "project", "private": true }';

/** The routine tells where it ran; the program prints the sum, and whether that was elsewhere. */
const JOBS = `import { routine } from "merino";
export const add = routine(async function add(x, y) { return [x + y, process.pid]; });
`;
const TYPED_JOBS = `import { routine } from "merino";
enum Unit { one = 1 }
export const add = routine(async function add(x: number, y: number) { return [x + y * Unit.one, process.pid] as const; });
`;
const main = (jobs) => `import { WorkerPool } from "merino";
import { add } from "${jobs}";
(async () => {
  const pool = await WorkerPool.open({ size: 1 });
  try {
    const [sum, pid] = await add(1, 2);
    console.log("sum", sum, pid === process.pid ? "here" : "elsewhere");
  } finally {
    await pool.close();
  }
})();
`;
const SUM = /^sum 3 elsewhere$/m;

const TSCONFIG = JSON.stringify({
  compilerOptions: {
    module: "commonjs",
    moduleResolution: "node10",
    ignoreDeprecations: "5.0",
    target: "es2022",
    esModuleInterop: true,
    strict: true,
    skipLibCheck: true,
    types: ["node"],
  },
});
const TYPESCRIPT = ["typescript@5", "@types/node@20"];

const javaScript = { "package.json": MODULES, "jobs.js": JOBS, "main.js": main("./jobs.js") };
const commonTypeScript = {
  "package.json": COMMON_JS,
  "tsconfig.json": TSCONFIG,
  "jobs.ts": TYPED_JOBS,
  "main.ts": main("./jobs"),
};
const typeScript = { "package.json": MODULES, "jobs.ts": TYPED_JOBS, "main.ts": main("./jobs.ts") };

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

/** Answers one request, made by itself. */
const served = (listen) => `import { WorkerPool } from "merino";
import { add } from "./jobs.js";
const pool = await WorkerPool.open({ size: 1 });
${listen}
const answer = await fetch(\`http://127.0.0.1:\${port}/add\`);
console.log("sum", await answer.text());
await close();
await pool.close();
`;
const SERVED = /^sum 3$/m;

/** @type {readonly Project[]} */
export const PROJECTS = [
  {
    name: "Node, ES modules",
    kind: "run",
    packages: [],
    files: javaScript,
    commands: [["node", "main.js"]],
    expected: SUM,
  },
  {
    name: "Node, CommonJS",
    kind: "run",
    packages: [],
    files: {
      "package.json": COMMON_JS,
      "jobs.js": `const { routine } = require("merino");
exports.add = routine(async function add(x, y) { return [x + y, process.pid]; });`,
      "main.js": main("./jobs.js")
        .replace('import { WorkerPool } from "merino"', 'const { WorkerPool } = require("merino")')
        .replace('import { add } from "./jobs.js"', 'const { add } = require("./jobs.js")'),
    },
    commands: [["node", "main.js"]],
    expected: SUM,
  },
  {
    name: "tsx",
    kind: "run",
    packages: ["tsx@4"],
    files: typeScript,
    commands: [["tsx", "main.ts"]],
    expected: SUM,
  },
  {
    name: "tsc, `moduleResolution: node`",
    kind: "run",
    packages: TYPESCRIPT,
    files: commonTypeScript,
    commands: [["tsc"], ["node", "main.js"]],
    expected: SUM,
  },
  {
    name: "ts-node, by `-r`",
    kind: "run",
    packages: [...TYPESCRIPT, "ts-node@10"],
    files: commonTypeScript,
    commands: [["node", "-r", "ts-node/register", "main.ts"]],
    expected: SUM,
  },
  {
    name: "ts-node, the command",
    kind: "run",
    packages: [...TYPESCRIPT, "ts-node@10"],
    files: commonTypeScript,
    commands: [["ts-node", "main.ts"]],
    env: { TS_NODE_PROJECT: "tsconfig.json" },
    expected: SUM,
    note: "`TS_NODE_PROJECT=tsconfig.json`, since it looks for that beside the file which it runs",
  },
  {
    name: "ts-node-dev",
    kind: "run",
    packages: [...TYPESCRIPT, "ts-node-dev@2"],
    files: commonTypeScript,
    commands: [["ts-node-dev", "--respawn=false", "--transpile-only", "main.ts"]],
    expected: SUM,
  },
  {
    name: "swc-node",
    kind: "run",
    packages: [...TYPESCRIPT, "@swc-node/register@1", "@swc/core@1"],
    files: commonTypeScript,
    commands: [["node", "-r", "@swc-node/register", "main.ts"]],
    expected: SUM,
  },
  {
    name: "jiti",
    kind: "run",
    packages: ["jiti@2", "tsx@4"],
    files: commonTypeScript,
    commands: [["jiti", "main.ts"]],
    expected: SUM,
    note: "tsx beside it, for the workers",
  },
  {
    name: "node:test",
    kind: "test",
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
    kind: "test",
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
    commands: [["vitest", "run", "--coverage", "--no-color"]],
    expected: /Tests\s+2 passed/,
    note: "tsx beside it, for TypeScript in workers",
  },
  ...[
    { name: "Jest, with ts-jest", packages: ["ts-jest@29"], config: { preset: "ts-jest" } },
    {
      name: "Jest, with babel-jest",
      packages: ["babel-jest@30", "@babel/preset-env@7", "@babel/preset-typescript@7"],
      config: {},
    },
  ].map(({ name, packages, config }) => ({
    name,
    kind: "test",
    packages: [...TYPESCRIPT, "jest@30", "@types/jest@30", "tsx@4", ...packages],
    files: {
      "package.json": COMMON_JS,
      "tsconfig.json": TSCONFIG.replace('"node"]', '"node","jest"]'),
      "jest.config.json": JSON.stringify({ testEnvironment: "node", ...config }),
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
    kind: "test",
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
    commands: [["mocha", "add.test.js"]],
    expected: /2 passing/,
  },
  {
    name: "ava",
    kind: "test",
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
    commands: [["ava"]],
    expected: /1 test passed/,
  },
  {
    name: "Fastify",
    kind: "serve",
    packages: ["fastify@5"],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "main.js": served(`const { default: fastify } = await import("fastify");
const app = fastify();
app.get("/add", async () => String((await add(1, 2))[0]));
await app.listen({ port: 0, host: "127.0.0.1" });
const { port } = app.server.address();
const close = () => app.close();`),
    },
    commands: [["node", "main.js"]],
    expected: SERVED,
  },
  {
    name: "Express",
    kind: "serve",
    packages: ["express@5"],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "main.js": served(`const { default: express } = await import("express");
const app = express();
app.get("/add", async (_, response) => response.send(String((await add(1, 2))[0])));
const server = app.listen(0, "127.0.0.1");
await new Promise((resolve) => server.once("listening", resolve));
const { port } = server.address();
const close = () => server.close();`),
    },
    commands: [["node", "main.js"]],
    expected: SERVED,
  },
  {
    name: "cluster",
    kind: "serve",
    packages: [],
    files: {
      "package.json": MODULES,
      "jobs.js": JOBS,
      "main.js": `import cluster from "node:cluster";
if (cluster.isPrimary) {
  const sums = [];
  for (let n = 0; n < 2; n += 1) cluster.fork().on("message", (sum) => sums.push(sum));
  cluster.on("exit", () => sums.length === 2 && Object.keys(cluster.workers).length === 0 && console.log("sum", ...sums));
} else {
  const { WorkerPool } = await import("merino");
  const { add } = await import("./jobs.js");
  const pool = await WorkerPool.open({ size: 1 });
  const [sum] = await add(1, 2);
  await pool.close();
  process.send(sum, () => process.disconnect());
}
`,
    },
    commands: [["node", "main.js"]],
    expected: /^sum 3 3$/m,
  },
  ...bundled("esbuild", ["esbuild@0.28"], (external) => [
    "esbuild",
    "main.js",
    "--bundle",
    "--platform=node",
    "--format=esm",
    "--minify",
    "--keep-names",
    "--outfile=out/main.mjs",
    "--log-level=warning",
    ...(external ? ["--packages=external"] : []),
  ]),
  ...bundled("rollup", ["rollup@4", "@rollup/plugin-node-resolve@16"], (external) => [
    "rollup",
    "main.js",
    "--dir",
    "out",
    "--format=esm",
    "--entryFileNames=[name].mjs",
    ...(external ? ["--external", "merino"] : ["--plugin", "node-resolve"]),
  ]),
  ...bundled("rolldown", ["rolldown@1"], (external) => [
    "rolldown",
    "main.js",
    "--dir",
    "out",
    "--format=esm",
    "--platform=node",
    "--entry-file-names=[name].mjs",
    ...(external ? ["--external", "merino"] : []),
  ]),
  ...bundled("webpack", ["webpack@5", "webpack-cli@6"], (external) => [
    "webpack",
    "--config",
    external ? "external.config.js" : "inside.config.js",
  ]),
];

/** A bundler with the library outside of the bundle, which is how it is meant, and inside. */
function bundled(name, packages, command) {
  const config = (external) => `import path from "node:path";
export default {
  target: "node20",
  mode: "production",
  entry: "./main.js",
  experiments: { outputModule: true },
  externals: ${external ? '[{ merino: "module merino" }]' : "[]"},
  optimization: { minimize: false },
  output: { path: path.resolve("out"), filename: "main.mjs", module: true, chunkFormat: "module" },
};
`;
  const files = {
    ...javaScript,
    ...(name === "webpack" && {
      "external.config.js": config(true),
      "inside.config.js": config(false),
    }),
  };
  return [true, false].map((external) => ({
    name: external ? name : `${name}, with Merino in the bundle`,
    kind: "bundle",
    packages,
    files,
    commands: [command(external), ["node", "out/main.mjs"]],
    expected: SUM,
    ...(external
      ? { note: "`merino` external" }
      : { note: "the same version of `merino` installed where the bundle runs" }),
  }));
}
