/** Routines that a worker cannot find or take: what the errors of their calls say; and packages that are there twice. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertOutput, MODULES, userProject } from "../environments/user-project.ts";
import { IMPORT, mainOf, runFiles, SHOW } from "./user-files.ts";

describe("refusal", () => {
  test("a routine declared inside a function is refused with the function's name and where to put it", async () => {
    const { exitCode, stdout, stderr } = await runFiles({
      "jobs.js": `${IMPORT} export function makeJobs() { return { add: routine(async function add(x, y) { return x + y; }) }; }`,
      "main.js": mainOf(`
        async function later() { await null; await jobs.makeJobs().add(1, 2).catch(${SHOW}); }
        await later();`),
    });

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_ROUTINE_NOT_FOUND program\/jobs\.js#add .*'makeJobs'.*top level/);
  });

  test("a routine that the entry has declared by a function, below its pool, is refused with where to put it", async () => {
    const { exitCode, stdout, stderr } = await runFiles({
      "jobs.js": `${IMPORT} export function makeJobs() { return { add: routine(async function add(x, y) { return x + y; }) }; }`,
      "main.js": mainOf(`await jobs.makeJobs().add(1, 2).catch(${SHOW});`),
    });

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(
      stdout,
      /^ERR_MERINO_ROUTINE_NOT_FOUND program\/main\.js#add .*declared after `open\(\)`.*move it above/,
    );
  });

  test("a routine that a function has declared at the top level runs", async () => {
    const result = await runFiles({
      "jobs.js": `${IMPORT} function makeJobs() { return { add: routine(async function add(x, y) { return x + y; }) }; }
        export const { add } = makeJobs();`,
      "main.js": mainOf("console.log(await jobs.add(1, 2));"),
    });

    assertOutput(result, ["3"]);
  });

  test("a routine declared in a callback that only the program gets is refused with where to put it", async () => {
    const { exitCode, stdout, stderr } = await runFiles({
      "jobs.js": `${IMPORT} export const later = () => new Promise((resolve) => setTimeout(function later() {
        resolve({ add: routine(async function add(x, y) { return x + y; }) });
      }, 1));`,
      "main.js": mainOf(`await (await jobs.later()).add(1, 2).catch(${SHOW});`),
    });

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_ROUTINE_NOT_FOUND program\/jobs\.js#add .*top level/);
  });

  test("a routine behind a condition that does not hold in workers is refused with near misses", async () => {
    const { exitCode, stdout, stderr } = await runFiles({
      "jobs.js": `import { isMain, routine } from "merino";
        export const adds = routine(async function adds() {});
        export const add = process.send === undefined ? routine(async function add() {}) : undefined;`,
      "main.js": mainOf(`await jobs.add(1, 2).catch(${SHOW});`),
    });

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(
      stdout,
      /^ERR_MERINO_ROUTINE_NOT_FOUND program\/jobs\.js#add .*top level.*condition.*'program\/jobs\.js#adds'/,
    );
  });

  test("a routine of which a worker has declared another one as well is refused, and says where", async () => {
    const { exitCode, stdout, stderr } = await runFiles({
      "jobs.js": `${IMPORT}
        const job = (n) => routine(async function job() { return n; });
        export const one = job(1);
        if (process.send !== undefined) job(2);`,
      "main.js": mainOf(`await jobs.one().catch(${SHOW});`),
    });

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(
      stdout,
      /^ERR_MERINO_ROUTINE_NOT_FOUND program\/jobs\.js#job .*Cannot import .*jobs\.js:4:.*jobs\.js:3:.*\{ name \}/,
    );
  });

  test("a routine that the worker declares elsewhere in the same file is refused, with both places", async () => {
    const { exitCode, stdout, stderr } = await runFiles({
      "jobs.js": `${IMPORT}
        export const add = process.send === undefined
          ? routine(async function add() { return "the program's"; })
          : routine(async function add() { return "the worker's"; });`,
      "main.js": mainOf(`await jobs.add().then(console.log, ${SHOW});`),
    });

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(
      stdout,
      /^ERR_MERINO_ROUTINE_NOT_FOUND program\/jobs\.js#add .*at jobs\.js:3:\d+, .*at jobs\.js:4:\d+;.*condition/,
    );
  });

  test("a refusal names the routine once", async () => {
    const { stdout } = await runFiles({
      "jobs.js": `${IMPORT} export const add = process.send === undefined ? routine(async function add() {}) : undefined;`,
      "main.js": mainOf(
        "await jobs.add().catch((error) => console.log(error.message.split('Cannot run').length - 1));",
      ),
    });

    assert.equal(stdout, "1\n");
  });

  for (const file of ["jobs.test.js", "jobs.spec.mjs", "__tests__/jobs.js"]) {
    test(`a routine declared in ${file} is refused with where to put it`, async () => {
      const { exitCode, stdout, stderr } = await runFiles({
        [file]: `${IMPORT} export const add = routine(async function add(x, y) { return x + y; });`,
        "main.js": mainOf(
          `await jobs.add(1, 2).catch(${SHOW}); console.log(await jobs.add.local(1, 2));`,
          `./${file}`,
        ),
      });

      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
      assert.match(
        stdout,
        /^ERR_MERINO_ROUTINE_NOT_FOUND program\/.*#add .*test file '.*'.*module of its own.*\n3\n$/,
      );
    });
  }

  test("a module whose import fails is named, with why", async () => {
    const { exitCode, stdout, stderr } = await runFiles({
      "jobs.js": `${IMPORT} if (process.send !== undefined) throw new Error("no database");
        export const add = routine(async function add(x, y) { return x + y; });`,
      "main.js": mainOf(`await jobs.add(1, 2).catch(${SHOW});`),
    });

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_ROUTINE_NOT_FOUND program\/jobs\.js#add .*jobs\.js'.*no database/);
  });
});

describe("two copies of a package", () => {
  /** A package with a routine and a class, whose answers tell its version, installed twice. */
  function lib(folder: string, version: string): Record<string, string> {
    return {
      [`${folder}/package.json`]: JSON.stringify({ name: "lib", type: "module", version, main: "index.js" }),
      [`${folder}/index.js`]: `import { portable, routine } from "merino";
        export class Point { of = "${version}"; get version() { return "${version}"; } }
        portable(Point);
        export const which = routine(async function which(point) {
          return ["${version}", point instanceof Point, point.of, point.version, new Point()];
        });`,
    };
  }
  const COPIES = {
    ...lib("node_modules/lib", "1.0.0"),
    ...lib("node_modules/uses-lib/node_modules/lib", "2.0.0"),
    "node_modules/uses-lib/package.json": '{ "name": "uses-lib", "type": "module", "main": "index.js" }',
    "node_modules/uses-lib/index.js": 'export * from "lib";',
  };
  const JOBS = 'export * as one from "lib"; export * as two from "uses-lib";';

  test("each one's routines and classes are its own, as calls, values and results", async () => {
    const result = await runFiles({
      ...COPIES,
      "jobs.js": `${IMPORT} ${JOBS}
        export const relay = routine(async function relay(which, point) { return await which(point); });`,
      "main.js": mainOf(`
        console.log(jobs.one.which.id === jobs.two.which.id, jobs.one.which !== jobs.two.which);
        for (const { which, Point } of [jobs.one, jobs.two, jobs.one]) {
          for (const call of [which, (point) => jobs.relay(which, point)]) {
            const [version, ...rest] = await call(new Point());
            const point = rest.pop();
            console.log(version, ...rest, point instanceof Point, point.version);
          }
        }`),
    });

    const one = "1.0.0 true 1.0.0 1.0.0 true 1.0.0";
    const two = "2.0.0 true 2.0.0 2.0.0 true 2.0.0";
    assertOutput(result, ["true true", one, one, two, two, one, one]);
  });

  test("an instance from a worker that has one copy is of the copy whose routine was called, also if both are of one version", async () => {
    const result = await runFiles({
      ...lib("node_modules/lib", "1.0.0"),
      ...lib("node_modules/uses-lib/node_modules/lib", "1.0.0"),
      "node_modules/uses-lib/package.json": COPIES["node_modules/uses-lib/package.json"] ?? "",
      "node_modules/uses-lib/index.js": 'export * from "lib";',
      "jobs.js": JOBS,
      "main.js": mainOf(`
        const point = (await jobs.one.which(new jobs.one.Point())).pop();
        console.log(point instanceof jobs.one.Point, point instanceof jobs.two.Point);`),
    });

    assertOutput(result, ["true false"]);
  });

  test("a worker of one release runs no code of another, and says so", async () => {
    const namespace = `copies-${process.pid}`;
    const discovery = `new LocalDiscovery("${namespace}")`;
    await using two = userProject({
      "package.json": MODULES,
      ...lib("node_modules/lib", "2.0.0"),
      "main.js": `import { LocalDiscovery, WorkerPool } from "merino"; import { which, Point } from "lib";
        const pool = await WorkerPool.open({ discovery: ${discovery} });
        await which(new Point()).catch(${SHOW});
        await pool.close();`,
    });
    await using one = userProject({
      "package.json": MODULES,
      ...lib("node_modules/lib", "1.0.0"),
      "main.js": `import { spawn } from "node:child_process"; import { once } from "node:events";
        import { LocalDiscovery, WorkerPool } from "merino";
        const pool = await WorkerPool.open({ size: 1, discovery: ${discovery} });
        await once(spawn(process.execPath, ["main.js"], { cwd: process.argv[2], stdio: "inherit" }), "close");
        await pool.close();`,
    });

    const { exitCode, stdout, stderr } = await one.run(["main.js", two.directory]);

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_ROUTINE_NOT_FOUND lib\/index\.js#which .*another release/);
  });
});
