/** Module systems and file kinds: ES modules, CommonJS, packages without a type, one and two copies of the library. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { buildSync, transformSync } from "esbuild";
import {
  assertOutput,
  MODULES,
  STRIPS_TYPES,
  TSX,
  userProject,
  withoutNodeWarnings,
} from "./user-project.ts";

const CALL = `
const pool = await WorkerPool.open({ size: 1 });
try {
  console.log(await add(1, 2), await where() !== process.pid);
  for await (const n of countdown(2)) console.log(n);
} finally {
  await pool.close();
}
`;

const DECLARATIONS = `
export const add = routine(async function add(x, y) { return x + y; });
export const where = routine(function where() { return process.pid; });
export const countdown = routine(function* countdown(from) { while (from > 0) yield from--; });
`;

const EXPECTED = ["3 true", "2", "1"];

const esm = (jobs: string): string =>
  `import { WorkerPool } from "merino"; import { add, where, countdown } from "${jobs}";${CALL}`;
const jobs = `import { routine } from "merino";${DECLARATIONS}`;
const typedJobs = jobs.replace("add(x, y)", "add(x: number, y: number)").replace("(from)", "(from: number)");

const commonJs = (jobs: string): string => `
const { WorkerPool } = require("merino");
const { add, where, countdown } = require("${jobs}");
async function main() {${CALL}}
main();
`;
const commonJsJobs = `
const { routine } = require("merino");
${DECLARATIONS.replaceAll(/export const (\w+)/g, "exports.$1")}`;

describe("module systems", () => {
  test("routines run from plain ES modules", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": esm("./jobs.js"),
      "jobs.js": jobs,
    });

    assertOutput(await project.run(["main.js"]), EXPECTED);
  });

  test("routines run from .mjs files of a package without a type", async () => {
    await using project = userProject({
      "package.json": '{ "name": "program" }',
      "main.mjs": esm("./jobs.mjs"),
      "jobs.mjs": jobs,
    });

    assertOutput(await project.run(["main.mjs"]), EXPECTED);
  });

  test("routines run from CommonJS, which requires the library", async () => {
    await using project = userProject({
      "package.json": '{ "name": "program", "type": "commonjs" }',
      "main.js": commonJs("./jobs.js"),
      "jobs.js": commonJsJobs,
    });

    assertOutput(await project.run(["main.js"]), EXPECTED);
  });

  test("routines run from an ES module that imports them from CommonJS", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.js": `import { WorkerPool } from "merino"; import jobs from "./jobs.cjs"; const { add, where, countdown } = jobs;${CALL}`,
      "jobs.cjs": commonJsJobs,
    });

    assertOutput(await project.run(["main.js"]), EXPECTED);
  });

  test("routines run under tsx in a package without a type, where the library is loaded twice", async () => {
    const inMain = `async function main() {${CALL}} main();`;
    await using project = userProject({
      "package.json": '{ "name": "program" }',
      "main.ts": `import { WorkerPool } from "merino"; import { add, where, countdown } from "./jobs";${inMain}`,
      "jobs.ts": typedJobs,
    });

    assertOutput(await project.run([...TSX, "main.ts"]), EXPECTED);
  });

  test("tsx has nothing to rewrite in the library, but the module of its lazy imports", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.ts": 'import { WorkerPool } from "merino"; console.log(typeof WorkerPool);',
      // Asks before tsx does, and so sees what that has made of a module.
      "look.mjs": `import module from "node:module";
        const hooks = \`
          import { readFileSync, writeSync } from "node:fs";
          const look = (url, loaded) => {
            const own = /node_modules.merino.dist.(.*\\\\.js)/.exec(url);
            const whole = own === null || String(loaded.source) === readFileSync(new URL(url), "utf8");
            if (!whole) writeSync(1, "rewritten: " + own[1] + "\\\\n");
            return loaded;
          };
          export const load = (url, context, next) => {
            const loaded = next(url, context);
            return loaded instanceof Promise ? loaded.then((loaded) => look(url, loaded)) : look(url, loaded);
          };\`;
        const url = "data:text/javascript," + encodeURIComponent(hooks);
        if (module.registerHooks === undefined) module.register(url);
        else module.registerHooks(await import(url));`,
    });

    const result = await project.run([...TSX, "--import", "./look.mjs", "main.ts"]);

    assertOutput(result, ["rewritten: lazy-imports.js", "function"]);
  });

  test("a pool opened by one copy of the library carries calls of the other", async () => {
    // Under tsx, import and require() of the library give two copies, whichever the program's modules use.
    await using project = userProject({
      "package.json": '{ "name": "program" }',
      "jobs.ts": typedJobs,
      "main.mts": `
        import { createRequire } from "node:module";
        import * as imported from "merino";
        const require = createRequire(import.meta.url);
        const required: typeof imported = require("merino");
        const { add }: typeof import("./jobs.ts") = require("./jobs.ts");
        console.log("two copies", imported.WorkerPool !== required.WorkerPool);
        const pool = await imported.WorkerPool.open({ size: 1 });
        console.log(await add(1, 2));
        const error: unknown = await add(1, (() => {}) as never).catch((error) => error);
        console.log(imported.isMerinoError(error), required.isMerinoError(error));
        await pool.close();`,
    });

    const result = await project.run([...TSX, "main.mts"]);

    assertOutput(result, ["two copies true", "3", "true true"]);
  });

  test("routines run from .mts files under tsx", async () => {
    await using project = userProject({
      "package.json": '{ "name": "program" }',
      "main.mts": esm("./jobs.mts"),
      "jobs.mts": typedJobs,
    });

    assertOutput(await project.run([...TSX, "main.mts"]), EXPECTED);
  });

  test("routines run from .mts files where Node takes TypeScript", async () => {
    await using project = userProject(
      { "package.json": '{ "name": "program" }', "main.mts": esm("./jobs.mts"), "jobs.mts": typedJobs },
      { dependencies: [] },
    );

    const result = await project.run(["main.mts"]);

    if (STRIPS_TYPES) assertOutput(result, EXPECTED);
    else assert.match(result.stderr, /ERR_UNKNOWN_FILE_EXTENSION/);
  });

  test("routines run from .cts files under tsx, except on Node 20, where the program fails at once", async () => {
    const inMain = `async function main() {${CALL}} main();`;
    await using project = userProject({
      "package.json": MODULES,
      "main.cts": `import { WorkerPool } from "merino"; import { add, where, countdown } from "./jobs.cts";${inMain}`,
      "jobs.cts": typedJobs,
    });

    const result = await project.run([...TSX, "main.cts"]);

    if (Number(process.versions.node.split(".")[0]) > 20) assertOutput(result, EXPECTED);
    else {
      assert.equal(result.exitCode, 1);
      assert.match(withoutNodeWarnings(result.stderr), /ERR_VM_MODULE_LINK_FAILURE|ERR_REQUIRE_ESM/);
    }
  });

  test("routines run from TypeScript that names modules by the extension they are built to", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.ts": esm("./jobs.js"),
      "jobs.ts": typedJobs,
    });

    assertOutput(await project.run([...TSX, "main.ts"]), EXPECTED);
  });

  test("an error keeps its positions in the source under tsx, also with --enable-source-maps", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.ts": `import { WorkerPool } from "merino"; import { fail } from "./jobs.ts";
        const pool = await WorkerPool.open({ size: 1 });
        await fail().catch((error) => console.log(error.stack));
        await pool.close();`,
      "jobs.ts": `import { routine } from "merino";

interface Removed {
  readonly lines: number;
}

export const fail = routine(async function fail(): Promise<Removed> {
  throw new Error("from line 8");
});
`,
    });

    const plain = await project.run([...TSX, "main.ts"]);
    const mapped = await project.run(["--enable-source-maps", ...TSX, "main.ts"]);

    for (const { stdout, stderr, exitCode } of [plain, mapped]) {
      assert.deepEqual({ stderr, exitCode }, { stderr: "", exitCode: 0 });
      assert.match(stdout, /jobs\.ts:8:9/);
    }
  });

  for (const [how, options] of [
    ["esbuild", {}],
    ["esbuild with keepNames", { keepNames: true }],
    ["esbuild as CommonJS", { format: "cjs" }],
  ] as const) {
    test(`routines run from TypeScript built by ${how}, and errors keep their positions in it`, async () => {
      const source = `import { routine } from "merino";

interface Limits { readonly most: number }

export const add = routine(async function add(x: number, y: number) {
  return x + y;
});

export const fail = routine(async function fail(limits?: Limits) {
  throw new Error(String(limits?.most));
});
`;
      const format = "format" in options ? options.format : "esm";
      const { code } = transformSync(source, {
        loader: "ts",
        sourcemap: "inline",
        sourcefile: "jobs.ts",
        ...options,
        format,
      });
      await using project = userProject({
        "package.json": MODULES,
        "dist/package.json": JSON.stringify({ type: format === "cjs" ? "commonjs" : "module" }),
        "dist/jobs.js": code,
        "main.js": `import { WorkerPool } from "merino"; import jobs from "./jobs-of-dist.js";
          const pool = await WorkerPool.open({ size: 1 });
          console.log(await jobs.add(1, 2));
          await jobs.fail().catch((error) => console.log(error.stack));
          await pool.close();`,
        "jobs-of-dist.js": 'import * as jobs from "./dist/jobs.js"; export default jobs.default ?? jobs;',
      });

      const { exitCode, stdout, stderr } = await project.run(["--enable-source-maps", "main.js"]);

      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
      assert.match(stdout, /^3\nError: undefined\n[\s\S]*jobs\.ts:10:9/);
    });
  }

  test("a program bundled into one file runs", async () => {
    await using project = userProject({
      "package.json": MODULES,
      "main.ts": esm("./jobs.ts"),
      "jobs.ts": typedJobs,
    });
    buildSync({
      entryPoints: [project.path("main.ts")],
      outfile: project.path("bundle.js"),
      bundle: true,
      format: "esm",
      platform: "node",
      packages: "external",
    });

    assertOutput(await project.run(["bundle.js"]), EXPECTED);
  });

  test("a routine whose name a minifier has taken is refused at its declaration, with what to write", async () => {
    const { code } = transformSync(
      `import { routine } from "merino";
       try { routine(async function add(x, y) { return x + y; }); }
       catch (error) { console.log(error.code, error.message.includes("{ name:")); }`,
      { minify: true, format: "esm" },
    );
    await using project = userProject({ "package.json": MODULES, "main.js": code });

    assertOutput(await project.run(["main.js"]), ["ERR_MERINO_ROUTINE_DECLARATION true"]);
  });

  test("routines run from TypeScript that only a hook of require takes", async () => {
    await using project = userProject(
      {
        "package.json": "{}",
        "esbuild-register.cjs": `
const { transformSync } = require("esbuild");
const { readFileSync } = require("node:fs");
require.extensions[".ts"] = (module, path) =>
  module._compile(transformSync(readFileSync(path, "utf8"), { loader: "ts", format: "cjs" }).code, path);
`,
        "kind.ts": "export enum Kind { sum = 2 }",
        "jobs.ts": `import { routine } from "merino";
import { Kind } from "./kind";
export const add = routine(async function add(x: number) { return x + Kind.sum; });
`,
        "main.ts": `import { WorkerPool } from "merino";
import { add } from "./jobs";
async function main(): Promise<void> {
  const pool = await WorkerPool.open({ size: 1 });
  console.log(await add(1));
  await pool.close();
}
main();
`,
      },
      { dependencies: ["esbuild"] },
    );

    assertOutput(await project.run(["-r", "./esbuild-register.cjs", "main.ts"]), ["3"]);
  });

  test("routines run from CommonJS that cannot require ES modules", async () => {
    await using project = userProject({
      "package.json": "{}",
      "jobs.js": commonJsJobs,
      "main.js": `${commonJs("./jobs.js")}
console.log(require.resolve("merino").endsWith("index.cjs"));
`,
    });

    const result = await project.run(["--no-experimental-require-module", "main.js"]);

    assertOutput(result, ["true", ...EXPECTED]);
  });
});
