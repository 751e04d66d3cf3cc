/** The script that everybody writes first, with routines and pool in one file, and what may go wrong in it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertOutput, MODULES, STRIPS_TYPES, TSX, userProject } from "./user-project.ts";

const DECLARATIONS = `
const add = routine(async function add(x, y) { return x + y; });
const countdown = routine(function* countdown(from) { while (from > 0) yield from--; });
`;
const TYPED = DECLARATIONS.replace("(x, y)", "(x: number, y: number)").replace("(from)", "(from: number)");

const CALLS = `
  console.log(await add(1, 2));
  for await (const n of countdown(2)) console.log(n);
`;
const EXPECTED = ["3", "2", "1"];

const IMPORT = 'import { routine, WorkerPool } from "merino";';
const REQUIRE = 'const { routine, WorkerPool } = require("merino");';
const OPEN = "const pool = await WorkerPool.open({ size: 1 });";
const TRY = `${OPEN} try {${CALLS}} finally { await pool.close(); }`;
const USING = `await using pool = await WorkerPool.open({ size: 1 });${CALLS}`;
const main = (body: string): string =>
  `async function main() { ${body} } main().catch((error) => { console.error(error); process.exitCode = 1; });`;

const TYPELESS = '{ "name": "program" }';

describe("one-file script", () => {
  for (const [how, manifest, file, text, args] of [
    ["with top-level await in an ES module", MODULES, "main.js", IMPORT + DECLARATIONS + TRY, []],
    ["with main() in an ES module", MODULES, "main.js", IMPORT + DECLARATIONS + main(TRY), []],
    ["with main() in CommonJS", TYPELESS, "main.cjs", REQUIRE + DECLARATIONS + main(TRY), []],
    ["with top-level await under tsx", MODULES, "main.ts", IMPORT + TYPED + TRY, TSX],
    ["with top-level await using under tsx", MODULES, "main.ts", IMPORT + TYPED + USING, TSX],
    ["with main() under tsx", MODULES, "main.ts", IMPORT + TYPED + main(USING), TSX],
    ["with main() under tsx without a type", TYPELESS, "main.ts", IMPORT + TYPED + main(USING), TSX],
    ["with top-level await using in .mts under tsx", TYPELESS, "main.mts", IMPORT + TYPED + USING, TSX],
  ] as const) {
    test(`it runs ${how}`, async () => {
      await using project = userProject({ "package.json": manifest, [file]: text });

      assertOutput(await project.run([...args, file]), EXPECTED);
    });
  }

  test("it runs where Node takes TypeScript, and is refused by Node itself elsewhere", async () => {
    await using project = userProject(
      { "package.json": MODULES, "main.ts": IMPORT + TYPED + TRY },
      { dependencies: [] },
    );

    const result = await project.run(["main.ts"]);

    if (STRIPS_TYPES) {
      assertOutput(result, EXPECTED);
    } else {
      assert.equal(result.exitCode, 1);
      assert.match(result.stderr, /ERR_UNKNOWN_FILE_EXTENSION/);
    }
  });

  test("its lines above the pool run in the workers too, those below do not", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `${IMPORT}${DECLARATIONS}
        console.error("above");
        const pool = await WorkerPool.open({ size: 1 });
        console.error("below");
        console.log(await add(1, 2));
        await pool.close();`,
    });

    const { exitCode, stdout, stderr } = await project.run(["main.js"]);

    assert.deepEqual(
      { exitCode, stdout, stderr: stderr.split("\n").sort().join(" ").trim() },
      { exitCode: 0, stdout: "3\n", stderr: "above above below" },
    );
  });

  test("isMain guards what only the program is to do", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `import { isMain, routine, WorkerPool } from "merino";${DECLARATIONS}
        if (isMain(import.meta)) { console.error("guarded"); ${TRY} }`,
    });

    const { exitCode, stdout, stderr } = await project.run(["main.js"]);

    assert.deepEqual({ exitCode, stdout, stderr }, { exitCode: 0, stdout: "3\n2\n1\n", stderr: "guarded\n" });
  });

  test("a body awaits what the module initialises between its declaration and the pool", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `import { setTimeout } from "node:timers/promises"; ${IMPORT}
        const query = routine(async function query() { return db; });
        await setTimeout(50);
        const db = "connected";
        const pool = await WorkerPool.open({ size: 1 });
        console.log(await query());
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js"]), ["connected"]);
  });

  for (const [kind, file, program] of [
    ["with top-level await", "main.js", (body: string) => IMPORT + body],
    ["with main()", "main.js", (body: string) => IMPORT + main(body)],
    ["in CommonJS", "main.cjs", (body: string) => REQUIRE + main(body)],
  ] as const) {
    test(`a routine declared after the pool is refused with the advice to move it, ${kind}`, async () => {
      await using project = userProject({
        "package.json": MODULES,
        [file]: program(`
          const pool = await WorkerPool.open({ size: 1 });
          const late = routine(async function late() {});
          await late().catch((error) => console.log(error.code, /declared after \`open\\(\\)\`.*move it above/.test(error.message)));
          await pool.close();`),
      });

      assertOutput(await project.run([file]), ["ERR_MERINO_ROUTINE_NOT_FOUND true"]);
    });

    test(`a constant after the pool that a body needs is explained, ${kind}`, async () => {
      await using project = userProject({
        "package.json": MODULES,
        [file]: program(`
          const scale = routine(async function scale(x) { return x * FACTOR; });
          const pool = await WorkerPool.open({ size: 1 });
          const FACTOR = 2;
          await scale(1).catch((error) => console.log(error.name, error.message));
          await pool.close();`),
      });

      const { exitCode, stdout, stderr } = await project.run([file]);

      assert.match(
        stdout,
        /^ReferenceError Cannot access 'FACTOR' before initialization.*`open\(\)`.*declared after it; move it above/,
      );
      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    });
  }

  test("a constant after the pool that a generator needs is explained", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `${IMPORT}
        const scale = routine(function* scale(x) { yield 1; yield x * FACTOR; });
        const pool = await WorkerPool.open({ size: 1 });
        const FACTOR = 2;
        try { for await (const n of scale(1)) console.log(n); }
        catch (error) { console.log(error.name, /declared after it; move it above/.test(error.message)); }
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js"]), ["1", "ReferenceError true"]);
  });

  test("a routine in a module that imports the entry is refused or runs, and never recurses", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `${IMPORT} import { half } from "./jobs.js";
        export const FACTOR = 2;
        const pool = await WorkerPool.open({ size: 1 });
        await half(4).then((half) => console.log(half), (error) => console.log(error.code, error.message));
        await pool.close();`,
      "jobs.js": `import { routine } from "merino"; import { FACTOR } from "./main.js";
        export const half = routine(async function half(x) { return x / FACTOR; });`,
    });

    const { exitCode, stdout, stderr } = await project.run(["main.js"]);

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_ROUTINE_NOT_FOUND .*imports '.*main\.js'.*suspended/);
  });

  test("another module that opens a pool when it is imported makes the call fail with an explanation", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `import { add, close } from "./jobs.js";
        await add(1, 2).catch((error) => console.log(error.code, error.cause?.code, error.cause?.cause?.code, error.message));
        await close();`,
      "jobs.js": `${IMPORT}
        export const pool = await WorkerPool.open({ size: 1 });
        export const add = routine(async function add(x, y) { return x + y; });
        export const close = () => pool.close();`,
    });

    const { exitCode, stdout, stderr } = await project.run(["main.js"]);

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_ROUTINE_NOT_FOUND .*jobs\.js'.*Cannot open a pool here.*entry module/);
  });

  test("a routine declared above such a pool is no exception: the rest of its module is missing", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `import { add, pool } from "./jobs.js";
        await add(1, 2).catch((error) => console.log(error.code, error.cause.code)); await pool.close();`,
      "jobs.js": `${IMPORT}
        export const add = routine(async function add(x, y) { return x + y; });
        export const pool = await WorkerPool.open({ size: 1 });`,
    });

    assertOutput(await project.run(["main.js"]), ["ERR_MERINO_ROUTINE_NOT_FOUND ERR_MERINO_POOL_IN_WORKER"]);
  });

  test("an entry that listens on a port above the pool is told why its workers die", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `${IMPORT} import { once } from "node:events"; import { createServer } from "node:net";
        const add = routine(async function add(x, y) { return x + y; });
        const server = createServer().listen(Number(process.env.PORT ?? 0), "127.0.0.1");
        server.unref();
        if (process.env.PORT === undefined) {
          await once(server, "listening");
          process.env.PORT = String(server.address().port);
        }
        const pool = await WorkerPool.open({ size: 1 });
        await add(1, 2).catch((error) => console.log(error.code, error.message));
        await pool.close();`,
    });

    const { exitCode, stdout } = await project.run(["main.js"]);

    assert.equal(exitCode, 0);
    assert.match(
      stdout,
      /^ERR_MERINO_WORKER_LOST .*: it died while importing main\.js; lines above open\(\) run in every worker; see isMain; the call to '[^']+' has not run$/m,
    );
  });

  test("an entry that throws above the pool is told so, with its own line", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `import { isMain, routine, WorkerPool } from "merino";
const add = routine(async function add(x, y) { return x + y; });
if (!isMain(import.meta)) throw new RangeError("only once");
const pool = await WorkerPool.open({ size: 1 });
await add(1, 2).catch((error) => console.log(error.message, error.cause.stack.includes("main.js:3:")));
await pool.close();`,
    });

    const { exitCode, stdout } = await project.run(["main.js"]);

    assert.equal(exitCode, 0);
    assert.match(stdout, /only once; lines above open\(\) run in every worker; see isMain true$/m);
  });

  test("a running body may open a pool of its own, whose workers know the entry as well", async () => {
    // In a worker that does not, the main() of its import would print an error.
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `${IMPORT}
        const pid = routine(function pid() { return process.pid; });
        const outer = routine(async function outer() {
          const inner = await WorkerPool.open({ size: 1 });
          try { return [process.pid, await pid.with({ pool: inner })()]; } finally { await inner.close(); }
        });
        ${main(`
          const pool = await WorkerPool.open({ size: 1 });
          console.log(new Set([process.pid, ...(await outer())]).size);
          await pool.close();`)}`,
    });

    assertOutput(await project.run(["main.js"]), ["3"]);
  });

  test("a routine may call another one of the file", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `${IMPORT}${DECLARATIONS}
        const sum = routine(async function sum(values) { let total = 0; for (const value of values) total = await add(total, value); return total; });
        const pool = await WorkerPool.open({ size: 2 });
        console.log(await sum([1, 2, 3]));
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js"]), ["6"]);
  });

  test("two pools after one another, and a body that throws, leave exit code and output alone", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `${IMPORT}${DECLARATIONS}
        const fail = routine(function fail() { throw new RangeError("no"); });
        for (const round of [1, 2]) {
          const pool = await WorkerPool.open({ size: 1 });
          await fail().catch((error) => console.log(round, error.name));
          await pool.close();
        }`,
    });

    assertOutput(await project.run(["main.js"]), ["1 RangeError", "2 RangeError"]);
  });
});
