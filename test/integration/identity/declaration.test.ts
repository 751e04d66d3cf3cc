/** How routines are named, found and refused: declarations in files of a user's, called through a pool. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { assertOutput, userProject } from "../environments/user-project.ts";
import { IMPORT, mainOf, runFiles } from "./user-files.ts";

describe("declaration", () => {
  /** Runs declarations in a file and returns what the error says that one of them throws. */
  async function refusal(declarations: string): Promise<string> {
    const { stdout, stderr } = await runFiles({
      "main.js":
        'await import("./jobs.js").then(() => console.log("declared"), (error) => console.log(error.code, error.message));',
      "jobs.js": IMPORT + declarations,
    });
    assert.equal(stderr, "");
    return stdout.trim();
  }

  for (const [what, declarations] of [
    ["an arrow function", "export const add = routine(async (x, y) => x + y);"],
    ["a function expression", "export const add = routine(async function (x, y) { return x + y; });"],
    ["a generator", "export const add = routine(function* () {});"],
    ["a default export", "const jobs = { default: async () => {} }; routine(jobs.default);"],
  ] as const) {
    test(`it is refused without a name, with what to write instead, for ${what}`, async () => {
      const said = await refusal(declarations);

      assert.match(
        said,
        /^ERR_MERINO_ROUTINE_DECLARATION .*write routine\(async function resize\(…\).*\{ name: "resize" \}/,
      );
    });
  }

  for (const [what, declarations] of [
    ["a class", "routine(class Counter {});"],
    ["no function", "routine({ name: 'add' });"],
    ["nothing", "routine();"],
  ] as const) {
    test(`it is refused for ${what}`, async () => {
      assert.match(await refusal(declarations), /^ERR_MERINO_ROUTINE_DECLARATION Cannot declare a routine: /);
    });
  }

  test("it is refused for a second routine of the same name, other text, with both places", async () => {
    const said = await refusal(`
      routine(async function add(x, y) { return x + y; });
      function build() { return routine(async function add(x) { return x + 1; }); }
      build();`);

    assert.match(
      said,
      /^ERR_MERINO_ROUTINE_DECLARATION .*'program\/jobs\.js#add'.*jobs\.js:3:\d+'.*jobs\.js:2:\d+'.*\{ name \}/,
    );
  });

  test("it is refused for a helper that makes two of one name, until each has a name", async () => {
    const jobs = (second: string): string => `${IMPORT}
      const job = (fn, options) => routine(async function job(x) { return fn(x); }, options);
      export const double = job((n) => n * 2);
      export const triple = job((n) => n * 3${second});`;
    const main = mainOf("console.log(await jobs.double(5), await jobs.triple(5));");

    const refused = await runFiles({ "main.js": main, "jobs.js": jobs("") });
    const named = await runFiles({ "main.js": main, "jobs.js": jobs(', { name: "triple" }') });

    assert.deepEqual([refused.exitCode, refused.stdout], [1, ""]);
    assert.match(refused.stderr, /RoutineDeclarationError: .*'program\/jobs\.js#job'.*give each \{ name \}/);
    assertOutput(named, ["10 15"]);
  });

  test("it is refused for an id that another module has taken, with both modules", async () => {
    const { stdout } = await runFiles({
      "main.js": `import "./one.js"; await import("./two.js").catch((error) => console.log(error.code, error.message));`,
      "one.js": `${IMPORT} routine(async function add() { return 1; }, { id: "shop/add" });`,
      "two.js": `${IMPORT} routine(async function add() { return 2; }, { id: "shop/add" });`,
    });

    assert.match(stdout, /^ERR_MERINO_ROUTINE_DECLARATION .*'shop\/add'.*two\.js'.*one\.js'/);
  });

  test("it replaces the same text evaluated again", async () => {
    const result = await runFiles({
      "main.js": 'await import("./jobs.js"); await import("./jobs.js?again"); console.log("declared twice");',
      "jobs.js": `${IMPORT} export const add = routine(async function add(x, y) { return x + y; });`,
    });

    assertOutput(result, ["declared twice"]);
  });

  for (const id of [
    "../escape#run",
    "pkg/../../etc#run",
    "pkg/%2e%2e/x#run",
    "pkg/a%2fb#run",
    "/etc/passwd#run",
    "file:///etc/passwd#run",
    "https://example.org/x.js#run",
    "node:fs#rm",
    "data:text/javascript,1#run",
    "a\\\\b#run",
    "a\\u0000b#run",
    "a\\nb#run",
    "a\\ud800#run",
    "pkg/jobs.js#",
    "pkg//jobs.js#run",
    "",
    "x".repeat(600),
  ]) {
    test(`it is refused for the id ${JSON.stringify(id.slice(0, 40))}`, async () => {
      const said = await refusal(`routine(async function run() {}, { id: "${id}" });`);

      assert.match(said, /^ERR_MERINO_ROUTINE_DECLARATION /);
    });
  }

  test("it is refused for a name that would be read as another identity", async () => {
    assert.match(
      await refusal('routine(async () => {}, { name: "a#b" });'),
      /^ERR_MERINO_ROUTINE_DECLARATION /,
    );
    assert.match(
      await refusal('routine(async () => {}, { name: "a\\nb" });'),
      /^ERR_MERINO_ROUTINE_DECLARATION /,
    );
  });

  test("it is refused for a module that is no file", async () => {
    assert.match(
      await refusal('routine(async function run() {}, { module: "https://example.org/jobs.js" });'),
      /^ERR_MERINO_ROUTINE_DECLARATION /,
    );
  });
});

describe("identity", () => {
  for (const [what, id, files] of [
    [
      "the function's name",
      "program/jobs.js#add",
      { "jobs.js": `${IMPORT} export const sum = routine(async function add(x, y) { return x + y; });` },
    ],
    [
      "the constant that an arrow function has",
      "program/jobs.js#add",
      { "jobs.js": `${IMPORT} const add = async (x, y) => x + y; export const sum = routine(add);` },
    ],
    [
      "the name given",
      "program/jobs.js#add",
      { "jobs.js": `${IMPORT} export const sum = routine(async (x, y) => x + y, { name: "add" });` },
    ],
    [
      "the id given",
      "shop/add",
      { "jobs.js": `${IMPORT} export const sum = routine(async (x, y) => x + y, { id: "shop/add" });` },
    ],
    [
      "the id given, with a name in it",
      "shop#add",
      { "jobs.js": `${IMPORT} export const sum = routine(async (x, y) => x + y, { id: "shop#add" });` },
    ],
    [
      "the module given",
      "program/jobs.js#add",
      {
        "jobs.js": `import { declare } from "./declare.js"; export const sum = declare(import.meta.url);`,
        "declare.js": `${IMPORT} export const declare = (module) => routine(async function add(x, y) { return x + y; }, { module });`,
      },
    ],
    [
      "the module that uses a helper around it",
      "program/jobs.js#add",
      {
        "jobs.js": `import { job } from "./job.js"; export const sum = job(async function add(x, y) { return x + y; });`,
        "job.js": `${IMPORT} export const job = (f) => routine(f);`,
      },
    ],
    [
      "the module that declares it, whoever exports it again",
      "program/lib/add.js#add",
      {
        "jobs.js": 'export { add as sum } from "./lib/index.js";',
        "lib/index.js": 'export * from "./add.js";',
        "lib/add.js": `${IMPORT} export const add = routine(async function add(x, y) { return x + y; });`,
      },
    ],
    [
      "the nearest package with a name",
      "@scope/inner/src/add.js#add",
      {
        "jobs.js": 'export { add as sum } from "./packages/inner/src/add.js";',
        "packages/inner/package.json": '{ "name": "@scope/inner" }',
        "packages/inner/src/package.json": '{ "type": "module" }',
        "packages/inner/src/add.js": `${IMPORT} export const add = routine(async function add(x, y) { return x + y; });`,
      },
    ],
    [
      "the class, for a static initialiser",
      "program/jobs.js#add",
      {
        "jobs.js": `${IMPORT} class Jobs { static add = routine(async function add(x, y) { return x + y; }); } export const sum = Jobs.add;`,
      },
    ],
  ] as const) {
    test(`it is made of ${what}`, async () => {
      const result = await runFiles({
        ...files,
        "main.js": mainOf("console.log(jobs.sum.id, await jobs.sum(1, 2));"),
      });

      assertOutput(result, [`${id} 3`]);
    });
  }

  test("it is made of the path in a package without a name, which works on this host", async () => {
    await using project = userProject({
      "package.json": '{ "type": "module" }',
      "jobs.js": `${IMPORT} export const sum = routine(async function add(x, y) { return x + y; });`,
      "main.js": mainOf("console.log(jobs.sum.id, await jobs.sum(1, 2));"),
    });

    assertOutput(await project.run(["main.js"]), [`~${project.directory}/jobs.js#add 3`]);
  });

  test("it travels: a routine among the arguments arrives as the same routine", async () => {
    const result = await runFiles({
      "jobs.js": `${IMPORT}
        export const add = routine(async function add(x, y) { return x + y; });
        export const same = routine(async function same(other) { return other === add && other.id === "program/jobs.js#add"; });`,
      "main.js": mainOf("console.log(await jobs.same(jobs.add));"),
    });

    assertOutput(result, ["true"]);
  });
});
