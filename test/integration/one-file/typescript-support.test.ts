/** Imports of TypeScript in a worker whose parent ran it by means that a child process does not inherit. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { compiledSource } from "../../support/compiled-source.ts";
import { type RunResult, runNode } from "../../support/run-node.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";
import { STRIPS_TYPES } from "../environments/user-project.ts";

const FILES = {
  "package.json": '{ "name": "program", "type": "module" }',
  // Neither the enum nor the name './other.js' works with Node's own type stripping.
  "jobs.ts": 'import { Colour } from "./other.js"; console.log("imported", Colour.red);',
  "other.ts": "export enum Colour { red = 7 }",
};

describe("a loader without any TypeScript loader around it", () => {
  let compiled: TemporaryPackage;
  before(() => {
    compiled = compiledSource(["host/modules/module-loader.ts"]);
  });
  after(() => compiled[Symbol.dispose]());

  /** Loads a module in a plain process, or in a thread of one. */
  async function load(
    moduleUrl: string,
    options: { readonly thread?: boolean; readonly entry?: string } = {},
  ): Promise<RunResult> {
    using program = temporaryPackage({
      "program.mjs": `
        import { Worker, isMainThread } from "node:worker_threads";
        const { createModuleLoader } = await import(${JSON.stringify(compiled.url("host/modules/module-loader.js"))});
        const loader = createModuleLoader({ entry: ${JSON.stringify(options.entry)} });
        if (${options.thread === true} && isMainThread) new Worker(new URL(import.meta.url));
        else await loader.load(${JSON.stringify(moduleUrl)}).catch((error) => console.log(error.message));`,
    });
    return await runNode([program.path("program.mjs")], { cwd: program.directory });
  }

  test("ensureTypeScript uses the tsx installed beside the module", async () => {
    using fixtures = temporaryPackage(FILES, { dependencies: ["tsx"] });

    const { stdout, stderr } = await load(fixtures.url("jobs.ts"));

    assert.equal(`${stdout}${stderr}`, "imported 7\n");
  });

  test("ensureTypeScript uses it in a thread as well", async () => {
    using fixtures = temporaryPackage(FILES, { dependencies: ["tsx"] });

    const { stdout, stderr } = await load(fixtures.url("jobs.ts"), { thread: true });

    assert.equal(`${stdout}${stderr}`, "imported 7\n");
  });

  test("ensureTypeScript says what to install where neither Node nor anything beside the module can", async () => {
    using fixtures = temporaryPackage({ ...FILES, "jobs.tsx": "export {};" });

    const { stdout } = await load(fixtures.url("jobs.tsx"));

    assert.match(stdout, /jobs\.tsx.*npm install --save-dev tsx/);
  });

  test("ensureTypeScript leaves the file to Node where the program's own entry is TypeScript that Node takes", async () => {
    using fixtures = temporaryPackage(FILES, { dependencies: ["tsx"] });

    const { stdout } = await load(fixtures.url("jobs.ts"), { entry: fixtures.url("main.ts") });

    const told = /there is '.*other\.ts', .*install tsx beside it .*start the program with it/;
    if (STRIPS_TYPES) assert.match(stdout, told);
    else assert.equal(stdout, "imported 7\n");
  });
});
