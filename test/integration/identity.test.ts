/** How routines are named, found and refused: declarations in files of a user's, called through a pool. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { RunResult } from "../support/run-node.ts";
import { assertOutput, MODULES, TSX, userProject } from "./environments/user-project.ts";

/** Runs statements that have a pool; `jobs` is what `jobs.js` exports. */
function mainOf(statements: string, jobs = "./jobs.js"): string {
  return `import { WorkerPool } from "merino"; import * as jobs from "${jobs}";
const pool = await WorkerPool.open({ size: 1 });
try {
${statements}
} finally { await pool.close(); }
`;
}

/** Prints what a refused call's error says in fields, then its message. */
const SHOW = "(error) => console.log(error.code, error.routine ?? error.path, error.message)";

const IMPORT = 'import { routine } from "merino";';

async function runFiles(
  files: Readonly<Record<string, string>>,
  args: readonly string[] = ["main.js"],
): Promise<RunResult> {
  await using project = userProject({ "package.json": MODULES, ...files });
  return await project.run(args);
}

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
      /^ERR_MERINO_ROUTINE_NOT_FOUND program\/jobs\.js#add .*at 3:\d+ .*at 4:\d+.*condition/,
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

describe("method routine", () => {
  const DECORATED = `import { portable, routine } from "merino";

@portable
export class Counter {
  constructor(public start: number) {}

  @routine
  async add(by: number) {
    return [this.start + by, this instanceof Counter, process.pid] as const;
  }

  @routine
  async *count(steps: number) {
    for (let n = 1; n <= steps; n++) yield this.start + n;
  }

  @routine
  static async zero() {
    return [this === Counter, process.pid] as const;
  }
}
`;

  test("a decorated one of a portable class runs with its receiver in the worker", async () => {
    const result = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf(
          `
          const counter = new jobs.Counter(40);
          const [sum, isCounter, pid] = await counter.add(2);
          console.log(sum, isCounter, pid !== process.pid);
          for await (const n of counter.count(2)) console.log(n);
          const [isClass, there] = await jobs.Counter.zero();
          console.log(isClass, there === pid);
          const { add } = counter as unknown as { add: { with(options: object): (this: object, by: number) => Promise<number[]> } };
          console.log((await add.with({ timeout: 10_000 }).call(counter, 3))[0]);`,
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["42 true true", "41", "42", "true true", "43"]);
  });

  test("a decorated one is found by a worker that has not loaded its class before", async () => {
    const result = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf("for await (const n of new jobs.Counter(0).count(1)) console.log(n);", "./jobs.ts"),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["1"]);
  });

  test("a static decorated one is found by a worker that has not loaded its class before", async () => {
    const result = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf("console.log((await jobs.Counter.zero())[0]);", "./jobs.ts"),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["true"]);
  });

  const ASSIGNED = `import { portable, routine } from "merino";
export class Counter {
  constructor(start) { this.start = start; }
  async add(by) { return this.start + by; }
  static async zero() { return this === Counter; }
}
portable(Counter);
Counter.prototype.add = routine(Counter.prototype.add, { name: "Counter.add" });
Counter.zero = routine(Counter.zero, { name: "Counter.zero" });
`;

  test("one assigned to the prototype, without a decorator, runs with its receiver", async () => {
    const result = await runFiles({
      "jobs.js": ASSIGNED,
      "main.js": mainOf(
        `console.log(jobs.Counter.prototype.add.id, await new jobs.Counter(1).add(2), await jobs.Counter.zero());`,
      ),
    });

    assertOutput(result, ["program/jobs.js#Counter.add 3 true"]);
  });

  test("a receiver that does not travel is refused with the path 'this' before anything is sent", async () => {
    const result = await runFiles({
      "jobs.js": ASSIGNED.replace("portable(Counter);", ""),
      "main.js": mainOf(
        `await new jobs.Counter(1).add(2).catch((error) => console.log(error.code, error.path, pool.stats().unsettled));`,
      ),
    });

    assertOutput(result, ["ERR_MERINO_NOT_SERIALIZABLE this 0"]);
  });

  test("a receiver with a field that does not travel is refused, naming the field", async () => {
    const result = await runFiles({
      "jobs.js": ASSIGNED,
      "main.js": mainOf(
        "await new jobs.Counter(() => {}).add(2).catch((error) => console.log(error.code, error.path.endsWith('.start')));",
      ),
    });

    assertOutput(result, ["ERR_MERINO_NOT_SERIALIZABLE true"]);
  });

  test("a decorated one of a class that is not portable is refused with what to write", async () => {
    const { exitCode, stdout, stderr } = await runFiles(
      {
        "jobs.ts": DECORATED.replace("@portable", ""),
        "main.ts": mainOf(
          `await new jobs.Counter(1).add(2).catch((error: any) => console.log(error.code, error.message));`,
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: "" });
    assert.match(stdout, /^ERR_MERINO_\w+ .*portable\(Counter\)/);
  });

  test("a decorated one without its object is refused with what to write", async () => {
    const { stdout } = await runFiles(
      {
        "jobs.ts": DECORATED,
        "main.ts": mainOf(
          "const { add } = new jobs.Counter(1); await add(2).catch((error: any) => console.log(error.code, error.message));",
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assert.match(stdout, /^ERR_MERINO_ROUTINE_DECLARATION .*object\.add/);
  });

  test("one inherited by a portable subclass runs with the subclass as its receiver", async () => {
    const result = await runFiles(
      {
        "jobs.ts": `${DECORATED}
@portable
export class Double extends Counter {
  get twice() { return this.start * 2; }
  @routine async double() { return this.twice; }
}
`,
        "main.ts": mainOf(
          `
          const double = new jobs.Double(4);
          console.log((await double.add(1))[0], await double.double());`,
          "./jobs.ts",
        ),
      },
      [...TSX, "main.ts"],
    );

    assertOutput(result, ["5 8"]);
  });

  test("one held by a plain object runs without a receiver", async () => {
    const result = await runFiles({
      "jobs.js": `${IMPORT} export const math = { add: routine(async function add(x, y) { return [x + y, this === undefined]; }) };`,
      "main.js": mainOf("console.log((await jobs.math.add(1, 2)).join());"),
    });

    assertOutput(result, ["3,true"]);
  });
});
