/** What of its program a body gets to see, as docs/routines.md says it. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertOutput, MODULES, userProject } from "./user-project.ts";

describe("what a body sees", () => {
  test("module variables are the worker's own, whenever the program assigns them", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "jobs.js": `import { routine } from "merino";
        export let factor = 1;
        export const setFactor = (value) => { factor = value; };
        export const scaled = routine(async function scaled(n) { return n * factor; });
        export const keep = routine(async function keep(value) { factor = value; });`,
      "main.js": `import { WorkerPool } from "merino"; import { factor, keep, scaled, setFactor } from "./jobs.js";
        setFactor(5);
        const pool = await WorkerPool.open({ size: 1 });
        setFactor(10);
        console.log(await scaled(2), factor);
        await keep(7);
        console.log(await scaled(2), factor);
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js"]), ["2 10", "14 10"]);
  });

  test("variables of an enclosing function are those of the function's run in the worker, or the call fails", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "jobs.js": `import { routine } from "merino";
        const make = (name, value) => routine(async () => [value, process.pid !== globalThis.program], { name });
        export const made = make("made", "made by the import");
        export const later = () => make("late", "made later");`,
      "main.js": `import { WorkerPool } from "merino"; import { later, made } from "./jobs.js";
        globalThis.program = process.pid;
        const pool = await WorkerPool.open({ size: 1 });
        console.log((await made())[0]);
        console.log(await later()().catch((error) => error.code));
        await pool.close();`,
    });

    assertOutput(await project.run(["main.js"]), ["made by the import", "ERR_MERINO_ROUTINE_NOT_FOUND"]);
  });

  const RECURSIVE = {
    "package.json": MODULES,
    "jobs.js": `import { currentTask, routine } from "merino";
      export const inner = routine(async function inner(n) {
        return n === 0 ? [currentTask().id] : [currentTask().id, ...(await inner(n - 1))];
      });
      export const meant = routine(async function meant(n) {
        return n === 0 ? [currentTask().id] : [currentTask().id, ...(await meant(n - 1))];
      }, { localRecursion: true });
      export const spread = routine(async (n) => {
        return n === 0 ? [currentTask().id] : [currentTask().id, ...(await spread(n - 1))];
      }, { name: "spread" });`,
    "main.js": `import { WorkerPool } from "merino"; import * as jobs from "./jobs.js";
      process.on("warning", ({ code, message }) => console.log(code, /#\\w+/.exec(message)[0]));
      const pool = await WorkerPool.open({ size: 2 });
      for (const name of ["inner", "meant", "spread"]) console.log(name, new Set(await jobs[name](3)).size);
      await pool.close();`,
  };

  test("its own name is the function; a body without a name calls the routine, and only the first is warned of, once", async () => {
    await using project = userProject(RECURSIVE);

    assertOutput(await project.run(["--no-warnings", "main.js"]), [
      "MERINO_LOCAL_RECURSION #inner",
      "inner 1",
      "meant 1",
      "spread 4",
    ]);
  });

  test("in production nobody is warned, and workers never warn", async () => {
    await using project = userProject(RECURSIVE);

    const production = await project.run(["main.js"], { env: { NODE_ENV: "production" } });
    const development = await project.run(["main.js"]);

    assertOutput(production, ["inner 1", "meant 1", "spread 4"]);
    assert.equal(development.stderr.match(/MERINO_LOCAL_RECURSION/g)?.length, 1, development.stderr);
  });
});
