/** Declarations in programs that are not files, and under changes to `Error` that a process cannot undo. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { compiledSource } from "../../support/compiled-source.ts";
import { runNode } from "../../support/run-node.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";

describe("declarationSite in a process of its own", () => {
  let compiled: TemporaryPackage;
  before(() => {
    compiled = compiledSource(["identity/call-site.ts"]);
  });
  after(() => compiled[Symbol.dispose]());

  /** The text of a program that prints the module found for a declaration in it, or the error's code. */
  function program(prelude = ""): string {
    return `${prelude}
      import(${JSON.stringify(compiled.url("identity/call-site.js"))}).then(({ declarationSite }) => {
        function routine() { return declarationSite(routine); }
        globalThis.routine = routine;
        try { console.log(globalThis.declare(routine)); } catch (error) { console.log(error.code, error.message); }
      });`;
  }
  const HERE = "globalThis.declare = (routine) => routine().module;";
  const REFUSED = /^ERR_MERINO_ROUTINE_DECLARATION .*import\.meta\.url/;

  test("it refuses a program given with --eval, as a script and as a module", async () => {
    const script = await runNode(["--eval", program(HERE)]);
    const module = await runNode(["--input-type=module", "--eval", program(HERE)]);

    assert.match(script.stdout, REFUSED);
    assert.match(module.stdout, REFUSED);
  });

  test("it refuses a program read from standard input", async () => {
    const { stdout } = await runNode(["-"], { input: program(HERE) });

    assert.match(stdout, REFUSED);
  });

  test("it refuses what is typed into the REPL", async () => {
    using fixtures = temporaryPackage({
      "preload.mjs": `import { declarationSite } from ${JSON.stringify(compiled.url("identity/call-site.js"))};
        globalThis.routine = function routine() { return declarationSite(routine); };`,
    });

    const { stdout, stderr } = await runNode(["--import", fixtures.path("preload.mjs"), "--interactive"], {
      input: "routine()\n",
    });

    assert.match(`${stdout}${stderr}`, /Cannot declare a routine in 'REPL\d+'/);
  });

  for (const [kind, prelude, options] of [
    ["with a frozen Error", "Object.freeze(Error);", []],
    ["under --frozen-intrinsics", "", ["--frozen-intrinsics"]],
    ["under --stack-trace-limit=0", "", ["--stack-trace-limit=0"]],
    ["under --enable-source-maps", "", ["--enable-source-maps"]],
  ] as const) {
    test(`it names the module ${kind}`, async () => {
      using fixtures = temporaryPackage({ "with space.mjs": program(prelude + HERE) });

      const { stdout, stderr } = await runNode([
        "--no-warnings",
        ...options,
        fixtures.path("with space.mjs"),
      ]);

      assert.equal(`${stdout}${stderr}`, `${fixtures.url("with space.mjs")}\n`);
    });
  }

  test("it tells evaluations apart of ES modules that node:vm evaluates, as Jest does", async () => {
    using fixtures = temporaryPackage({
      "jobs.mjs": "routine(); await null; routine();",
      "run.mjs": `
        import { readFileSync } from "node:fs";
        import { SourceTextModule } from "node:vm";
        import { declarationSite } from ${JSON.stringify(compiled.url("identity/call-site.js"))};
        const found = [];
        globalThis.routine = function routine() { found.push(declarationSite(routine)); };
        const path = process.argv[2];
        for (const identifier of [path, path, "file://" + path, "file://" + path]) {
          const module = new SourceTextModule(readFileSync(path, "utf8"), { identifier });
          await module.link(() => {});
          await module.evaluate();
        }
        console.log(found.map(({ evaluation }) => found.findIndex((other) => other.evaluation === evaluation)).join());
        console.log(new Set(found.map(({ module, isAtTop }) => module + isAtTop)).size);`,
    });

    const { stdout, stderr } = await runNode([
      "--no-warnings",
      "--experimental-vm-modules",
      fixtures.path("run.mjs"),
      fixtures.path("jobs.mjs"),
    ]);

    assert.equal(`${stdout}${stderr}`, "0,0,2,2,4,4,6,6\n1\n");
  });

  test("it names the file that runs, not its source, under --enable-source-maps", async () => {
    const map = {
      version: 3,
      sources: ["source.ts"],
      names: [],
      mappings: "AAAA;AAAA;AAAA;AAAA;AAAA;AAAA;AAAA",
    };
    const url = `data:application/json;base64,${Buffer.from(JSON.stringify(map)).toString("base64")}`;
    using fixtures = temporaryPackage({
      "built.mjs": `${program(HERE)}\n//# sourceMappingURL=${url}`,
    });

    const { stdout } = await runNode(["--enable-source-maps", fixtures.path("built.mjs")]);

    assert.equal(stdout, `${fixtures.url("built.mjs")}\n`);
  });
});
