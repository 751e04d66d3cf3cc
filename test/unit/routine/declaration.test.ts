/** What becomes of two declarations of one identity, in every shape in which programs make them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, describe, test } from "node:test";
import { setImmediate } from "node:timers/promises";
import vm from "node:vm";
import { transformSync } from "esbuild";
import { encodeValue } from "../../../src/codec/encode/encoder.ts";
import { portable } from "../../../src/codec/portable.ts";
import { portableByConstructor, portableById } from "../../../src/codec/portable-registry.ts";
import { definitionOf, routinesOf } from "../../../src/identity/registry.ts";
import { processReferences } from "../../../src/routine/process-references.ts";
import { routine } from "../../../src/routine/routine.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";
import { useWarnings } from "../../support/use-warnings.ts";

Object.assign(globalThis, { merinoForTest: { routine, portable } });
after(() => Reflect.deleteProperty(globalThis, "merinoForTest"));

const require = createRequire(import.meta.url);
const REFUSED = { code: "ERR_MERINO_ROUTINE_DECLARATION" };
const TAKE = "const { routine, portable } = globalThis.merinoForTest;\n";

type Job = ((...parameters: unknown[]) => Promise<unknown>) & {
  readonly id: string;
  local(...parameters: unknown[]): unknown;
};
type Jobs = Readonly<Record<string, Job>>;

/** A package of its own, so that no test meets the identities of another. */
let packages = 0;
function files(contents: Readonly<Record<string, string>>): TemporaryPackage {
  const name = `declaration-test-${packages++}`;
  return temporaryPackage({ "package.json": JSON.stringify({ name, type: "module" }), ...contents });
}

async function load(url: string): Promise<Jobs> {
  return (await import(url)) as Jobs;
}

describe("one evaluation", () => {
  for (const [what, text, places] of [
    [
      "a helper that is used twice",
      "const job = (fn) => routine(async function job(x) { return fn(x); });\njob((x) => x);\njob((x) => 2 * x);",
      ["4:1", "3:1"],
    ],
    [
      "two of one name",
      "routine(async function job() { return 1; });\nroutine(async function job() { return 2; });",
      ["3:1", "2:1"],
    ],
    ["a loop", "for (const n of [1, 2])\n  routine(async function job() { return n; });", ["3:3"]],
    [
      "a loop with an await in it",
      "for (const n of [1, 2]) {\n  await null;\n  routine(async function job() { return n; });\n}",
      ["4:3"],
    ],
    ["a callback", "[1, 2].map((n) =>\n  routine(async function job() { return n; }));", ["3:3"]],
    [
      "functions that are bound",
      "async function add(x, y) { return x + y; }\nroutine(add.bind(null, 1));\nroutine(add.bind(null, 2));",
      ["4:1", "3:1"],
    ],
    ["one function declared twice", "async function add() {}\nroutine(add);\nroutine(add);", ["4:1", "3:1"]],
    [
      "a decorator of one's own",
      "const job = (fn) => routine(fn, { name: 'job' });\njob(async () => 1);\njob(async () => 2);",
      ["4:1", "3:1"],
    ],
    [
      "an id given twice",
      "routine(async () => 1, { id: 'twice#given' });\nroutine(async () => 1, { id: 'twice#given' });",
      ["3:1", "2:1"],
    ],
    [
      "classes made by a function",
      "const make = (n) => portable(class Point { n = n; });\nmake(1);\nmake(2);",
      ["4:1", "3:1"],
    ],
    [
      "two classes of one name",
      "portable(class Point { x = 1; });\nportable(class Point { x = 1; });",
      ["3:1", "2:1"],
    ],
  ] as const) {
    test(`a second declaration is refused with both places, for ${what}`, async () => {
      using fixtures = files({ "jobs.js": TAKE + text });

      await assert.rejects(load(fixtures.url("jobs.js")), (error: Error) => {
        assert.equal((error as Error & { code: string }).code, REFUSED.code);
        for (const place of places) assert.ok(error.message.includes(`jobs.js:${place}'`), error.message);
        assert.match(error.message, /give each \{ (?:name|id) \} of its own/);
        return true;
      });
    });
  }

  test("a second declaration is refused with both places in the source, where Node knows it", async (context) => {
    const before = process.sourceMapsEnabled;
    context.after(() => process.setSourceMapsEnabled(before));
    process.setSourceMapsEnabled(true);
    const source = `${TAKE}type Unused = {\n  a: number;\n};\nroutine(async () => 1, { name: "job" });\n\n  routine(async () => 2, { name: "job" });`;
    const { code } = transformSync(source, {
      loader: "ts",
      minifyWhitespace: true,
      sourcemap: "inline",
      sourcefile: "jobs.ts",
    });
    using fixtures = files({ "jobs.js": code });

    await assert.rejects(load(fixtures.url("jobs.js")), (error: Error) => {
      for (const place of ["7:3", "5:1"]) {
        assert.ok(error.message.includes(`'${fixtures.url("jobs.ts")}:${place}'`), error.message);
      }
      return true;
    });
  });

  test("a second declaration is refused for a decorated static method of classes made by a function", async () => {
    using fixtures = files({
      "jobs.ts": `const { routine } = (globalThis as any).merinoForTest;
        const make = (n: number) => { class Counter { @routine static async add() { return n; } } return Counter; };
        make(1); make(2);`,
    });

    await assert.rejects(load(fixtures.url("jobs.ts")), REFUSED);
  });

  test("a second declaration is refused for a helper in another module, in CommonJS as well", async () => {
    using fixtures = files({
      "helper.cjs": `${TAKE}exports.job = (n) => routine(async function job() { return n; });`,
      "jobs.cjs": 'const { job } = require("./helper.cjs"); job(1); job(2);',
    });

    assert.throws(() => require(fixtures.path("jobs.cjs")), REFUSED);
  });

  test("the same helper makes different routines with a name each, and in modules of their own", async () => {
    using fixtures = files({
      "helper.js": `${TAKE}export const job = (n, name) => routine(async function job() { return n; }, { name });`,
      "one.js":
        'import { job } from "./helper.js"; export const a = job(1, "a"), b = job(2, "b"), c = job(3);',
      "two.js": 'import { job } from "./helper.js"; export const c = job(4);',
    });

    const one = await load(fixtures.url("one.js"));
    const two = await load(fixtures.url("two.js"));

    const ids = [one.a, one.b, one.c, two.c].map((job) => job?.id.replace(/^[^/]*\//, ""));
    assert.deepEqual(ids, ["one.js#a", "one.js#b", "one.js#job", "two.js#job"]);
  });

  test("the first of two can be run locally, and neither called nor sent", async () => {
    using fixtures = files({
      "jobs.js": `${TAKE}const job = (n) => routine(async function job() { return n; });
        export const first = job(1); export let refused;
        try { job(2); } catch (error) { refused = () => error; }`,
    });
    const { first } = await load(fixtures.url("jobs.js"));

    assert.equal(await first?.local(), 1);
    await assert.rejects(async () => first?.(), {
      ...REFUSED,
      message: /jobs\.js:3:.*jobs\.js:4:.*\.local\(\)/,
    });
    assert.throws(() => encodeValue([first], { root: "args", references: processReferences }), {
      code: "ERR_MERINO_NOT_SERIALIZABLE",
      path: "args[0]",
    });
  });

  test("an instance of the first of two classes is refused as a value, with its path", async () => {
    using fixtures = files({
      "points.js": `${TAKE}const make = () => portable(class Point {});
        export const Point = make();
        try { make(); } catch {}`,
    });
    const { Point } = (await import(fixtures.url("points.js"))) as { Point: new () => object };

    for (const value of [new Point(), Point]) {
      assert.throws(() => encodeValue({ value }, { root: "result", references: processReferences }), {
        code: "ERR_MERINO_NOT_SERIALIZABLE",
        path: "result.value",
      });
    }
  });

  test("a class can be registered twice", () => {
    class Twice {}

    portable(Twice);
    portable(Twice);

    assert.equal(portableByConstructor(Twice)?.conflict, undefined);
  });

  test("names of a letter or two are told apart from names that a person gave", async () => {
    using fixtures = files({
      "min.js": `${TAKE}routine(async function t() { return 1; }); { routine(async function t() { return 2; }); }`,
    });

    await assert.rejects(load(fixtures.url("min.js")), { message: /keepNames/ });
  });
});

describe("a later evaluation", () => {
  const TWO = `${TAKE}export const add = routine(async function add(x) { return x; });
    export class Point {} portable(Point);`;

  for (const [kind, url, again] of [
    ["another query of an ES module", "jobs.js", "jobs.js?t=1"],
    ["another text under another query", "jobs.js", "jobs.js?t=2"],
  ] as const) {
    test(`it replaces what the one before has declared: ${kind}`, async () => {
      using fixtures = files({ "jobs.js": TWO });
      const first = await load(new URL(url, fixtures.url("jobs.js")).href);
      if (again.endsWith("2")) writeFileSync(fixtures.path("jobs.js"), TWO.replace("return x", "return -x"));

      const second = await load(new URL(again, fixtures.url("jobs.js")).href);

      const id = first.add?.id ?? "";
      assert.equal(routinesOf(id).at(-1)?.routine, second.add);
      assert.equal(definitionOf(first.add as object)?.id, id);
      assert.equal(portableById(id.replace("#add", "#Point"))?.constructor, second.Point);
    });
  }

  test("it replaces what the one before has declared: CommonJS required anew, in the same turn", () => {
    using fixtures = files({
      "jobs.cjs": `"use strict"; ${TAKE} exports.add = routine(async function add(x) { return x; });`,
    });
    const first = require(fixtures.path("jobs.cjs")) as Jobs;
    delete require.cache[fixtures.path("jobs.cjs")];

    const second = require(fixtures.path("jobs.cjs")) as Jobs;

    assert.notEqual(first.add, second.add);
    assert.equal(routinesOf(first.add?.id ?? "").at(-1)?.routine, second.add);
  });

  test("it replaces what the one before has declared: evaluated code that gives its module, in another turn", async () => {
    using fixtures = files({ "jobs.js": "" });
    const run = (n: number): Job =>
      new Function(
        "routine",
        "module",
        `"use strict"; return routine(async function add() { return ${n}; }, { module });\n//# sourceURL=${fixtures.path("jobs.js")}`,
      )(routine, fixtures.url("jobs.js")) as Job;
    run(1);
    await null;
    run(1);

    const last = run(2);

    assert.equal(routinesOf(last.id).at(-1)?.routine, last);
  });

  test("a strict script that is compiled twice in one turn is refused, and the way out is named", () => {
    using fixtures = files({ "jobs.js": "" });
    const filename = fixtures.path("jobs.js");
    const run = (): unknown =>
      vm.runInThisContext(
        `"use strict"; merinoForTest.routine(async function add() {}, { module: "${fixtures.url("jobs.js")}" });`,
        { filename },
      );
    run();

    assert.throws(run, { ...REFUSED, message: /evaluates the module twice at once.*turn/ });
  });

  test("what an earlier one declares late does not replace what a later one has declared", async () => {
    using fixtures = files({
      "jobs.js": `${TAKE}export function late() { return routine(async function add() { return import.meta.url; }); }
        export const add = globalThis.merinoForTest.now ? late() : undefined;`,
    });
    Object.assign((globalThis as unknown as { merinoForTest: object }).merinoForTest, { now: false });
    const first = (await import(fixtures.url("jobs.js"))) as { late(): Job };
    first.late();
    Object.assign((globalThis as unknown as { merinoForTest: object }).merinoForTest, { now: true });
    const second = await load(`${fixtures.url("jobs.js")}?t=1`);

    const late = first.late();

    assert.equal(routinesOf(late.id).at(-1)?.routine, second.add);
    assert.equal(definitionOf(late)?.declaration?.conflict, undefined);
  });

  test("a conflict ends with the evaluation that made it", async () => {
    using fixtures = files({ "jobs.js": "" });
    const text = `${TAKE}const job = () => routine(async function job() {}); export const first = job();`;
    writeFileSync(fixtures.path("jobs.js"), `${text} try { job(); } catch {}`);
    const before = await load(fixtures.url("jobs.js"));
    writeFileSync(fixtures.path("jobs.js"), text);

    const now = await load(`${fixtures.url("jobs.js")}?t=1`);

    assert.notEqual(definitionOf(before.first as object)?.declaration?.conflict, undefined);
    assert.equal(definitionOf(now.first as object)?.declaration?.conflict, undefined);
  });
});

describe("inside functions", () => {
  test("a declaration that runs again is not refused, but can only be run locally", async () => {
    using fixtures = files({
      "jobs.js": `${TAKE}export function makeJob(n) { return routine(async function job() { return n; }); }`,
    });
    const { makeJob } = (await import(fixtures.url("jobs.js"))) as unknown as { makeJob(n: number): Job };

    const first = makeJob(1);
    assert.equal(definitionOf(first)?.declaration?.conflict, undefined);
    const second = makeJob(2);

    assert.deepEqual([await first.local(), await second.local()], [1, 2]);
    for (const job of [first, second]) {
      await assert.rejects(async () => job(), {
        ...REFUSED,
        message: /whenever the function 'makeJob' runs/,
      });
    }
  });

  test("two different declarations of one name can only be run locally", async () => {
    using fixtures = files({
      "jobs.js": `${TAKE}export function one() { return routine(async function job() { return 1; }); }
        export function two() { return routine(async function job() { return 2; }); }`,
    });
    const { one, two } = (await import(fixtures.url("jobs.js"))) as unknown as { one(): Job; two(): Job };

    const jobs = [one(), two()];

    for (const job of jobs)
      await assert.rejects(async () => job(), { ...REFUSED, message: /jobs\.js:2.*jobs\.js:3/ });
  });

  test("one at the top level is not replaced by one inside a function", async () => {
    using fixtures = files({
      "jobs.js": `${TAKE}export const job = routine(async function job() { return 1; });
        export function again() { return routine(async function job() { return 1; }); }`,
    });
    const { job, again } = (await import(fixtures.url("jobs.js"))) as unknown as { job: Job; again(): Job };

    assert.throws(again, REFUSED);
    assert.equal(routinesOf(job.id).at(-1)?.routine, job);
  });
});

describe("another module", () => {
  test("an identity that a module of a package of the same name has taken is refused, with both modules", async () => {
    using fixtures = files({
      "one/package.json": '{ "name": "declaration-test-same" }',
      "one/jobs.js": `${TAKE}routine(async function add() { return 1; });`,
      "two/package.json": '{ "name": "declaration-test-same" }',
      "two/jobs.js": `${TAKE}routine(async function add() { return 1; });`,
    });
    await load(fixtures.url("one/jobs.js"));

    await assert.rejects(load(fixtures.url("two/jobs.js")), {
      ...REFUSED,
      message: /two\/jobs\.js.*one\/jobs\.js.*rename/,
    });
  });

  const shared = (text: string): TemporaryPackage =>
    files({
      "one.js": `${TAKE}export const add = routine(${text}, { id: "shared-${packages}" });`,
      "two.js": `${TAKE}export const add = routine(${text}, { id: "shared-${packages}" });`,
    });

  test("an id that two modules give to one text is shared, with a warning once", async () => {
    using warnings = useWarnings();
    using fixtures = shared("async function add() { return 1; }");
    await load(fixtures.url("one.js"));

    const two = await load(fixtures.url("two.js"));
    await load(`${fixtures.url("one.js")}?t=1`);

    assert.notEqual(routinesOf(two.add?.id ?? "").at(-1), undefined);
    await setImmediate();
    assert.deepEqual(warnings.codes, ["MERINO_SHARED_ID"]);
  });

  test("an id that two modules give to bound functions, which show no text, is refused", async () => {
    using fixtures = shared("(async function add() {}).bind(null)");
    await load(fixtures.url("one.js"));

    await assert.rejects(load(fixtures.url("two.js")), { ...REFUSED, message: /another \{ id \}/ });
  });

  test("two installed copies of a package declare what they like", async () => {
    const lib = (version: string, n: number): Record<string, string> => ({
      "package.json": JSON.stringify({ name: "declaration-test-lib", type: "module", version }),
      "index.js": `${TAKE}export const add = routine(async function add() { return ${n}; }); export class Point {} portable(Point);`,
    });
    const at = (folder: string, contents: Readonly<Record<string, string>>): Record<string, string> =>
      Object.fromEntries(Object.entries(contents).map(([file, text]) => [`${folder}/${file}`, text]));
    const outer = "node_modules/declaration-test-lib";
    const inner = `node_modules/other/${outer}`;
    using fixtures = files({ ...at(outer, lib("1.0.0", 1)), ...at(inner, lib("2.0.0", 2)) });

    const one = await load(fixtures.url(`${outer}/index.js`));
    const two = await load(fixtures.url(`${inner}/index.js`));

    assert.equal(one.add?.id, two.add?.id);
    assert.deepEqual(
      [one.add, two.add].map((job) => {
        const { copy, version } = definitionOf(job as object)?.declaration ?? {};
        return [copy, version];
      }),
      [
        [`/${outer}`, "1.0.0"],
        [`/${inner}`, "2.0.0"],
      ],
    );
    assert.equal(portableByConstructor(one.Point as object)?.constructor, one.Point);
  });
});
