/** Ways to start a program: by odd paths, links, directories, from standard input, with options of Node. */
import assert from "node:assert/strict";
import { chmodSync, mkdirSync, symlinkSync } from "node:fs";
import { describe, test } from "node:test";
import { assertOutput, MODULES, TSX, userProject, withoutNodeWarnings } from "./user-project.ts";

const JOBS = `import { routine } from "merino";
export const add = routine(async function add(x, y) { return x + y; });
export const look = routine(function look(name) { return { cwd: process.cwd(), env: process.env[name], argv: process.argv.slice(2), execArgv: process.execArgv }; });
`;

/** A program that prints a sum and the identity under which it was computed. */
const MAIN = `import { WorkerPool } from "merino";
import { add } from "./jobs.js";
const pool = await WorkerPool.open({ size: 1 });
console.log(await add(1, 2), add.id);
await pool.close();
`;

/** The same in one file, so that the worker has to recognise the entry by the way it was started. */
const ONE_FILE = `import { routine, WorkerPool, isMain } from "merino";
const add = routine(async function add(x, y) { return x + y; });
const pool = await WorkerPool.open({ size: 1 });
console.log(await add(1, 2), isMain(import.meta));
await pool.close();
`;

const FILES = { "package.json": MODULES, "jobs.js": JOBS, "main.js": MAIN, "one-file.js": ONE_FILE };

describe("start of a program", () => {
  for (const folder of ["with space, hash#mark and question?mark", "per%20cent of ünïcödé 日本"]) {
    test(`it may lie in a folder called '${folder}'`, async () => {
      await using project = userProject(FILES, { folder });

      assertOutput(await project.run(["main.js"]), ["3 program/jobs.js#add"]);
      assertOutput(await project.run(["one-file.js"]), ["3 true"]);
    });
  }

  test("it may lie in such a folder under tsx", async () => {
    const typed = ONE_FILE.replace("(x, y)", "(x: number, y: number)");
    await using project = userProject(
      { "package.json": MODULES, "one-file.ts": typed },
      { folder: "a folder %41 ü" },
    );

    assertOutput(await project.run([...TSX, "one-file.ts"]), ["3 true"]);
  });

  test("its entry may be a symbolic link", async () => {
    await using project = userProject({ ...FILES, "links/package.json": '{ "name": "links" }' });
    symlinkSync(project.path("one-file.js"), project.path("links/start.js"));

    assertOutput(await project.run(["links/start.js"]), ["3 true"]);
  });

  test("its folder may be reached through a symbolic link", async () => {
    await using project = userProject({ ...FILES, "elsewhere/package.json": "{}" });
    symlinkSync(project.directory, project.path("elsewhere/link"));

    assertOutput(await project.run([project.path("elsewhere/link/one-file.js")]), ["3 true"]);
    assertOutput(await project.run(["main.js"], { cwd: project.path("elsewhere/link") }), [
      "3 program/jobs.js#add",
    ]);
  });

  test("it may be a command in node_modules/.bin, a link without extension", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "tool/package.json": '{ "name": "tool", "type": "module", "bin": "./bin/tool" }',
      "tool/bin/tool": `#!/usr/bin/env node\n${ONE_FILE}`,
    });
    mkdirSync(project.path("node_modules/.bin"));
    chmodSync(project.path("tool/bin/tool"), 0o755);
    symlinkSync("../../tool/bin/tool", project.path("node_modules/.bin/tool"));

    assertOutput(await project.run(["node_modules/.bin/tool"]), ["3 true"]);
  });

  test("it may be a directory", async () => {
    await using project = userProject({
      "package.json": '{ "name": "program", "type": "module", "main": "./one-file.js" }',
      "one-file.js": ONE_FILE,
      "directory/index.js": ONE_FILE,
    });

    assertOutput(await project.run(["."]), ["3 true"]);
    assertOutput(await project.run(["directory"]), ["3 true"]);
  });

  test("it may be named without its extension where Node allows that", async () => {
    const text = `
      const { routine, WorkerPool } = require("merino");
      const add = routine(async function add(x, y) { return x + y; });
      async function main() {
        const pool = await WorkerPool.open({ size: 1 });
        console.log(await add(1, 2));
        await pool.close();
      }
      main();`;
    await using project = userProject({ "package.json": "{}", "main.js": text });

    assertOutput(await project.run(["main"]), ["3"]);
  });

  test("its arguments reach the workers", async () => {
    await using project = userProject({
      ...FILES,
      "main.js": `import { WorkerPool } from "merino"; import { look } from "./jobs.js";
        const pool = await WorkerPool.open({ size: 1 });
        console.log(JSON.stringify((await look("")).argv));
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js", "--eval", "a b", "-"]), ['["--eval","a b","-"]']);
  });

  test("it may change its directory before it opens a pool, also with a relative loader", async () => {
    await using project = userProject({
      ...FILES,
      "hook.js": "globalThis.hooked = true;",
      "main.js": `import { WorkerPool } from "merino"; import { look } from "./jobs.js";
        process.chdir("/");
        const pool = await WorkerPool.open({ size: 1 });
        console.log((await look("")).cwd);
        await pool.close();`,
    });

    assertOutput(await project.run(["--import", "./hook.js", "main.js"]), ["/"]);
  });

  test("all workers of a pool start as the program was when the pool was opened, also those that replace others", async () => {
    const changed = `process.env.SEEN = "changed"; process.chdir("/"); process.argv.push("more"); process.execArgv.push("--expose-gc");`;
    await using project = userProject({
      ...FILES,
      "main.js": `import { LocalDiscovery, ProcessWorker, WorkerPool } from "merino"; import { look } from "./jobs.js";
        const seen = async (pool) => {
          const { cwd, env, argv, execArgv } = await look.with({ pool })("SEEN");
          return [cwd === here, env, argv.join(), execArgv.includes("--expose-gc")].join(" ");
        };
        const replaced = async (pool) => {
          const [{ uid, pid }] = pool.workers;
          process.kill(pid, "SIGKILL");
          while (pool.workers.length !== 1 || pool.workers[0].uid === uid) await new Promise((done) => setTimeout(done, 10));
        };
        const [here, argv, execArgv, env] = [process.cwd(), [...process.argv], [...process.execArgv], process.env.SEEN];
        const openings = {
          plain: () => WorkerPool.open({ size: 1 }),
          made: () => WorkerPool.open({ size: 1, discovery: async () => new LocalDiscovery("made-" + process.pid) }),
          factory: () => WorkerPool.open({ size: 1, worker: (context) => ProcessWorker.factory()(context) }),
        };
        for (const [name, open] of Object.entries(openings)) {
          const opening = open();
          // In the very turn: nothing of this is the workers' any more.
          ${changed}
          const pool = await opening;
          console.log(name, await seen(pool));
          await replaced(pool);
          console.log(name, await seen(pool));
          await pool.close();
          process.chdir(here); process.argv = argv.slice(); process.execArgv = execArgv.slice(); process.env.SEEN = env;
        }`,
    });

    assertOutput(await project.run(["main.js", "given"], { env: { SEEN: "first" } }), [
      "plain true first given false",
      "plain true first given false",
      "made true first given false",
      "made true first given false",
      "factory true first given false",
      "factory true first given false",
    ]);
  });

  test("it may change its directory under tsx", async () => {
    await using project = userProject({
      ...FILES,
      "main.ts": `import { WorkerPool } from "merino"; import { add } from "./jobs.js";
        process.chdir("/");
        const pool = await WorkerPool.open({ size: 1 });
        console.log(await add(1, 2));
        await pool.close();`,
    });

    assertOutput(await project.run([...TSX, "main.ts"]), ["3"]);
  });

  test("its --env-file may be gone when a worker starts; the worker has the variables", async () => {
    await using project = userProject({
      ...FILES,
      "settings.env": "FROM_FILE=kept\n",
      "main.js": `import { rmSync } from "node:fs"; import { WorkerPool } from "merino"; import { look } from "./jobs.js";
        rmSync("settings.env");
        const pool = await WorkerPool.open({ size: 1 });
        console.log((await look("FROM_FILE")).env);
        await pool.close();`,
    });

    assertOutput(await project.run(["--env-file=settings.env", "main.js"]), ["kept"]);
  });

  for (const option of ["--inspect=0", "--inspect=127.0.0.1:0"]) {
    test(`its ${option} gives each worker a port of its own`, async () => {
      await using project = userProject({
        "package.json": MODULES,
        "jobs.js": `import inspector from "node:inspector"; import { routine } from "merino";
          export const inspected = routine(function inspected() { return inspector.url(); });`,
        "main.js": `import inspector from "node:inspector"; import { WorkerPool } from "merino"; import { inspected } from "./jobs.js";
          const pool = await WorkerPool.open({ size: 2 });
          const urls = new Set([inspector.url()]);
          while (urls.size < 3) for (const url of await Promise.all([inspected(), inspected()])) urls.add(url);
          console.log([...urls].every((url) => url.startsWith("ws://127.0.0.1:")));
          await pool.close();`,
      });

      const { exitCode, stdout, stderr } = await project.run([option, "main.js"]);

      assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "true\n" });
      assert.doesNotMatch(stderr, /address already in use/);
    });
  }

  for (const option of ["--inspect-brk=0", "--inspect-wait=0"]) {
    test(`its ${option} does not stop the workers`, async () => {
      // A program started so waits for a debugger; this one says only afterwards how it was started.
      const pretend = `process.execArgv.push(${JSON.stringify(option)});`;
      await using project = userProject({
        ...FILES,
        "main.js": MAIN.replace("const pool", `${pretend}\nconst pool`),
      });

      const { exitCode, stdout } = await project.run(["main.js"]);

      assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "3 program/jobs.js#add\n" });
    });
  }

  test("its limits and flags reach the workers", async () => {
    await using project = userProject({
      ...FILES,
      "main.js": `import { WorkerPool } from "merino"; import { look } from "./jobs.js";
        const pool = await WorkerPool.open({ size: 1 });
        console.log((await look("")).execArgv.join(" "));
        await pool.close();`,
    });

    assertOutput(await project.run(["--expose-gc", "--max-old-space-size=300", "main.js"]), [
      "--expose-gc --max-old-space-size=300",
    ]);
  });

  const EVALUATED = MAIN.replaceAll("\n", " ");
  for (const [kind, args, input] of [
    ["given with --eval", ["--input-type=module", "--eval", EVALUATED], ""],
    ["given with -e under tsx", [...TSX, "--input-type=module", "-e", EVALUATED], ""],
    ["read from standard input", ["--input-type=module", "-"], EVALUATED],
    ["read from standard input without being named", ["--input-type=module"], EVALUATED],
  ] as const) {
    test(`a program ${kind} may call routines of modules`, async () => {
      await using project = userProject(FILES);

      assertOutput(await project.run(args, { input }), ["3 program/jobs.js#add"]);
    });
  }

  test("a CommonJS program given with --eval may call routines of modules", async () => {
    await using project = userProject(FILES);
    const program = `import("./jobs.js").then(async ({ add }) => {
      const pool = await require("merino").WorkerPool.open({ size: 1 });
      console.log(await add(1, 2));
      await pool.close();
    })`;

    assertOutput(await project.run(["-e", program]), ["3"]);
  });

  for (const [kind, args, viaInput] of [
    ["with --eval", ["--input-type=module", "--eval"], false],
    ["on standard input", ["--input-type=module", "-"], true],
  ] as const) {
    test(`a routine declared in a program given ${kind} is refused at its declaration`, async () => {
      await using project = userProject(FILES);
      const program = `import { routine } from "merino";
        try { routine(async function add() {}); } catch (error) { console.log(error.code, error.message.includes("import.meta.url")); }`;

      const result = await project.run(
        viaInput ? args : [...args, program],
        viaInput ? { input: program } : {},
      );

      assertOutput(result, ["ERR_MERINO_ROUTINE_DECLARATION true"]);
    });
  }

  test("it may be a thread of a program, which opens the pool there", async () => {
    await using project = userProject({
      ...FILES,
      "start.js": `import { Worker } from "node:worker_threads";
        new Worker(new URL("./main.js", import.meta.url)).on("exit", (code) => console.log("exit", code));`,
    });

    assertOutput(await project.run(["start.js"]), ["3 program/jobs.js#add", "exit 0"]);
  });

  test("it may be a child process with a channel of its own", async () => {
    await using project = userProject({
      ...FILES,
      "start.js": `import { fork } from "node:child_process";
        const child = fork("one-file.js");
        child.on("message", (message) => console.log("message", message));
        child.on("exit", (code) => console.log("exit", code));`,
    });

    assertOutput(await project.run(["start.js"]), ["3 true", "exit 0"]);
  });

  test("it may be watched", async () => {
    await using project = userProject({
      ...FILES,
      // Ends the watching process as soon as the program in it has come to its end.
      "main.js": `${MAIN}\nprocess.on("exit", () => process.kill(process.ppid, "SIGTERM"));`,
    });

    const { stdout, stderr } = await project.run(["--watch", "main.js"]);

    assert.match(stdout, /^3 program\/jobs\.js#add$/m);
    assert.equal(withoutNodeWarnings(stderr), "");
  });
});
