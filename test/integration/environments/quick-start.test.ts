/** The quick start, letter for letter, under every way to run TypeScript. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertOutput, MODULES, STRIPS_TYPES, TSX, userProject } from "./user-project.ts";

const JOBS = `import { routine } from "merino";

export const add = routine(async function add(x: number, y: number) {
  return x + y;
});

export const countdown = routine(async function* countdown(from: number) {
  for (let n = from; n > 0; n--) yield n;
});
`;

const CALLS = `console.log(await add(1, 2));                       // ran in another process
for await (const n of countdown(3)) console.log(n); // streamed from one
`;

const IMPORTS = `import { WorkerPool } from "merino";
import { add, countdown } from "./jobs.ts";
`;

const FILES = {
  "package.json": MODULES,
  "jobs.ts": JOBS,
  "main.ts": `${IMPORTS}
await using pool = await WorkerPool.open({ size: 4 });

${CALLS}`,
  "main-try.ts": `${IMPORTS}
const pool = await WorkerPool.open({ size: 4 });
try {
${CALLS}
} finally {
  await pool.close();
}
`,
};

/** A sum computed by a worker, then three streamed numbers. */
const EXPECTED = ["3", "3", "2", "1"];

/** Whether this Node knows `await using` without any loader. */
const KNOWS_USING = Number(process.versions.node.split(".")[0]) >= 24;

describe("quick start", () => {
  test("it runs under the tsx command", async () => {
    await using project = userProject(FILES);

    const result = await project.run(["node_modules/tsx/dist/cli.mjs", "main.ts"]);

    assertOutput(result, EXPECTED);
  });

  test("it runs under node --import tsx", async () => {
    await using project = userProject(FILES);

    const result = await project.run([...TSX, "main.ts"]);

    assertOutput(result, EXPECTED);
  });

  test("it runs with a loader from NODE_OPTIONS", async () => {
    await using project = userProject(FILES);

    const result = await project.run(["main.ts"], { env: { NODE_OPTIONS: "--import tsx" } });

    assertOutput(result, EXPECTED);
  });

  test("it runs on Node alone where Node knows the syntax, and fails before anything starts where not", async () => {
    await using project = userProject(FILES, { dependencies: [] });

    const result = await project.run(["main.ts"]);

    if (STRIPS_TYPES && KNOWS_USING) assertOutput(result, EXPECTED);
    else {
      assert.match(result.stderr, STRIPS_TYPES ? /SyntaxError/ : /ERR_UNKNOWN_FILE_EXTENSION/);
      assert.equal(result.exitCode, 1);
    }
  });

  test("it runs on Node alone with try and finally where Node takes TypeScript", async () => {
    await using project = userProject(FILES, { dependencies: [] });

    const result = await project.run(["main-try.ts"]);

    if (STRIPS_TYPES) assertOutput(result, EXPECTED);
    else assert.match(result.stderr, /ERR_UNKNOWN_FILE_EXTENSION/);
  });
});
