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

  test("what Node does not take is tried again by tsx, also where the entry is TypeScript", async () => {
    using fixtures = temporaryPackage(
      { ...FILES, "enum.ts": 'enum Colour { red = 7 } console.log("imported", Colour.red);' },
      { dependencies: ["tsx"] },
    );

    const { stdout } = await load(fixtures.url("enum.ts"), { entry: fixtures.url("main.ts") });

    assert.equal(stdout, "imported 7\n");
  });

  test("what Node does not take is told of with what to install, without tsx", async () => {
    using fixtures = temporaryPackage(FILES);

    const { stdout } = await load(fixtures.url("jobs.ts"), { entry: fixtures.url("main.ts") });

    assert.match(stdout, /jobs\.ts.*install tsx beside it \(npm install --save-dev tsx\)/);
    if (STRIPS_TYPES) assert.match(stdout, /there is '.*other\.ts'.*start the program with it/);
  });
});
