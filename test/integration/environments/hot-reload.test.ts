/** Modules that a program evaluates again under an open pool: what its workers run afterwards. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertOutput, MODULES, userProject } from "./user-project.ts";

const jobs = (answer: string): string => `import { routine } from "merino";
  import { factor } from "./factor.js";
  export const answer = routine(async function answer(n) { return [${answer} * factor * n, process.pid]; });`;
const FACTOR = "export const factor = 1;";

/** Statements that change a file, with `pool` open and `load()` giving the module of routines anew. */
const RELOAD = `
  import { readFileSync, writeFileSync } from "node:fs";
  const edit = (file, from, to) => writeFileSync(file, readFileSync(file, "utf8").replace(from, to));
  const ask = async (jobs) => { const [value, pid] = await jobs.answer(1); pids.add(pid); return value; };
  const pids = new Set();`;

describe("hot reload", () => {
  test("the next call runs the new code, of a module under another query, in every worker", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "factor.js": FACTOR,
      "jobs.js": jobs("1"),
      "main.js": `${RELOAD}
        import { WorkerPool } from "merino";
        const pool = await WorkerPool.open({ size: 2 });
        let loaded = 0;
        const load = () => import("./jobs.js?t=" + ++loaded);
        const first = await load();
        console.log(await Promise.all([ask(first), ask(first), ask(first)]));
        edit("jobs.js", "[1 *", "[2 *");
        const second = await load();
        console.log(await Promise.all([ask(second), ask(first), ask(second)]));
        // Equal text: what it imports has changed.
        edit("factor.js", "= 1", "= 10");
        const third = await load();
        console.log(await Promise.all([ask(third), ask(third), ask(third)]));
        while (pool.workers.length < 2) await new Promise((done) => setTimeout(done, 20));
        console.log(await Promise.all([ask(third), ask(third), ask(third)]));
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js"]), [
      "[ 1, 1, 1 ]",
      "[ 2, 2, 2 ]",
      "[ 20, 20, 20 ]",
      "[ 20, 20, 20 ]",
    ]);
  });

  test("the next call runs the new code, of a module that is required anew", async () => {
    await using project = userProject({
      "package.json": '{ "name": "program", "type": "commonjs" }',
      "jobs.js": `const { routine } = require("merino");
        exports.answer = routine(async function answer(n) { return [1 * n, process.pid]; });`,
      "main.js": `const { WorkerPool } = require("merino"); const { readFileSync, writeFileSync } = require("node:fs");
        async function main() {
          const pool = await WorkerPool.open({ size: 1 });
          console.log((await require("./jobs.js").answer(1))[0]);
          writeFileSync("jobs.js", readFileSync("jobs.js", "utf8").replace("[1 *", "[2 *"));
          delete require.cache[require.resolve("./jobs.js")];
          console.log((await require("./jobs.js").answer(1))[0]);
          await pool.close();
        }
        main();`,
    });

    assertOutput(await project.run(["main.js"]), ["1", "2"]);
  });

  for (const [how, options] of [
    ["as it is", ""],
    ["with its URL given", ", { module: import.meta.url }"],
  ] as const) {
    test(`the next call runs the new code, of a module that Vite has evaluated again, ${how}`, async () => {
      await using project = userProject(
        {
          "package.json": MODULES,
          "factor.js": FACTOR,
          "jobs.js": jobs("1").replace("n, process.pid]; })", `n, process.pid]; }${options})`),
          "main.js": `${RELOAD}
          import { createServer } from "vite";
          import { WorkerPool } from "merino";
          const server = await createServer({ server: { middlewareMode: true, hmr: false, ws: false, watch: null }, appType: "custom", logLevel: "error" });
          const pool = await WorkerPool.open({ size: 1 });
          const load = () => server.ssrLoadModule("/jobs.js");
          console.log(await ask(await load()), await ask(await load()), pool.stats().restarts);
          edit("jobs.js", "[1 *", "[2 *");
          server.moduleGraph.invalidateAll();
          console.log(await ask(await load()), pool.stats().restarts);
          edit("factor.js", "= 1", "= 10");
          server.moduleGraph.invalidateAll();
          console.log(await ask(await load()), pool.stats().restarts);
          await pool.close();
          await server.close();`,
        },
        { dependencies: ["vite"] },
      );

      assertOutput(await project.run(["main.js"]), ["1 1 0", "2 1", "20 2"]);
    });
  }

  test("calls under way finish where they run, and their workers end", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "jobs.js": `import { routine } from "merino";
        export const slow = routine(async function slow(ms) { await new Promise((done) => setTimeout(done, ms)); return ["old", process.pid]; });
        export const count = routine(async function* count() { for (let n = 0; ; n++) yield n; });
        export const outer = routine(async function outer(ms) { await new Promise((done) => setTimeout(done, ms)); return await slow(1); });`,
      "main.js": `${RELOAD}
        import { WorkerPool } from "merino";
        const pool = await WorkerPool.open({ size: 1 });
        const { slow, count, outer } = await import("./jobs.js");
        const calls = [slow(300), outer(300)];
        const numbers = count();
        await numbers.next();
        edit("jobs.js", '"old"', '"new"');
        const again = await import("./jobs.js?t=1");
        const [fresh, pid] = await again.slow(1);
        const [[old, before], [nested]] = await Promise.all(calls);
        console.log(fresh, old, nested, pid !== before);
        console.log((await numbers.next()).value);
        await numbers.return();
        const gone = () => { try { process.kill(before, 0); return false; } catch { return true; } };
        while (!gone()) await new Promise((done) => setTimeout(done, 20));
        console.log(pool.workers.map((worker) => worker.pid === pid).join());
        await pool.close();`,
    });

    const { exitCode, stdout, stderr } = await project.run(["main.js"]);

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    // A nested call goes to whichever worker takes it.
    assert.match(stdout, /^new old (?:old|new) true\n1\ntrue\n$/);
  });

  test("workers that the pool has found are left alone, with one warning", async () => {
    const discovery = `new LocalDiscovery("reload-${process.pid}")`;
    await using project = userProject({
      "package.json": MODULES,
      "factor.js": FACTOR,
      "jobs.js": jobs("1"),
      "main.js": `${RELOAD}
        import { once } from "node:events";
        import { LocalDiscovery, WorkerPool } from "merino";
        const codes = [];
        process.on("warning", (warning) => codes.push(warning.code));
        const owner = await WorkerPool.open({ size: 1, discovery: ${discovery}, ambient: false });
        const finder = await WorkerPool.open({ discovery: ${discovery} });
        const first = await import("./jobs.js");
        await ask(first);
        for (const t of [1, 2]) await import("./jobs.js?t=" + t);
        while (codes.length === 0) await new Promise(setImmediate);
        console.log(codes.join());
        await finder.close();
        await owner.close();`,
    });

    const { exitCode, stdout } = await project.run(["--no-warnings", "main.js"]);

    assert.deepEqual({ exitCode, stdout }, { exitCode: 0, stdout: "MERINO_STALE_WORKERS\n" });
  });

  test("test runners evaluate modules again without ending any worker", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "factor.js": FACTOR,
      "jobs.js": jobs("1"),
      "main.js": `${RELOAD}
        import { WorkerPool } from "merino";
        const pool = await WorkerPool.open({ size: 1 });
        for (const t of [1, 2, 3]) await ask(await import("./jobs.js?t=" + t));
        console.log(pids.size, pool.stats().restarts);
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js"], { env: { VITEST: "true" } }), ["1 0"]);
    assertOutput(await project.run(["main.js"], { env: { JEST_WORKER_ID: "1" } }), ["1 0"]);
  });
});
