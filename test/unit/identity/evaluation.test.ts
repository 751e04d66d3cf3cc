/** Which declarations belong to one evaluation of their module, by whatever means it is evaluated. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { after, test } from "node:test";
import vm from "node:vm";
import { register as registerTsx } from "tsx/cjs/api";
import { type DeclarationSite, declarationSite } from "../../../src/identity/call-site.ts";
import { type Evaluation, onReevaluation } from "../../../src/identity/evaluation.ts";
import { type TemporaryPackage, temporaryPackage } from "../../support/temporary-package.ts";
import { useEnvironment } from "../../support/use-environment.ts";

/** What the code under test has declared, in order. */
const declared: DeclarationSite[] = [];

Object.assign(globalThis, {
  siteForTest: function siteForTest(module?: string): void {
    declared.push(declarationSite(siteForTest, module));
  },
});

after(() => {
  for (const name of ["siteForTest", "firstForTest", "lateForTest", "hotForTest"])
    Reflect.deleteProperty(globalThis, name);
});

const require = createRequire(import.meta.url);

/** Runs code and tells the evaluations of what it declares: equal numbers for equal ones, counted from 0. */
async function evaluationsOf(run: () => unknown): Promise<readonly number[]> {
  declared.length = 0;
  await run();
  const distinct: Evaluation[] = [];
  return declared.map(({ evaluation }) => {
    if (!distinct.includes(evaluation)) distinct.push(evaluation);
    return distinct.indexOf(evaluation);
  });
}

/** A turn of the microtask queue. */
const turn = (): Promise<void> => Promise.resolve().then(() => {});

test("an ES module's declarations are of one evaluation, also behind awaits and inside functions", async () => {
  using files = temporaryPackage({
    "jobs.mjs": `siteForTest(); for (const _ of [1, 2]) siteForTest(); await null; siteForTest();
      export function late() { siteForTest(); }`,
  });

  const found = await evaluationsOf(async () => {
    const { late } = (await import(files.url("jobs.mjs"))) as { late(): void };
    await turn();
    late();
  });

  assert.deepEqual(found, [0, 0, 0, 0, 0]);
});

test("an ES module under another query is another evaluation", async () => {
  using files = temporaryPackage({ "jobs.mjs": "siteForTest(); siteForTest();" });

  const found = await evaluationsOf(async () => {
    await import(files.url("jobs.mjs"));
    await import(`${files.url("jobs.mjs")}?t=2`);
  });

  assert.deepEqual(found, [0, 0, 1, 1]);
});

for (const [kind, prelude] of [
  ["sloppy", ""],
  ["strict", '"use strict";'],
]) {
  test(`a ${kind} CommonJS module that is required anew in the same turn is another evaluation`, async () => {
    using files = temporaryPackage({
      "jobs.cjs": `${prelude} siteForTest(); siteForTest(); exports.late = function late() { siteForTest(); };`,
    });
    const load = (): { late(): void } => {
      delete require.cache[files.path("jobs.cjs")];
      return require(files.path("jobs.cjs")) as { late(): void };
    };

    const found = await evaluationsOf(() => {
      load().late();
      load().late();
    });

    assert.deepEqual(found, [0, 0, 0, 1, 1, 1]);
  });
}

test("one file that is imported and required under tsx has two evaluations, of which neither follows the other", async () => {
  using files = temporaryPackage({
    "package.json": '{ "type": "module" }',
    "jobs.ts": "(globalThis as any).siteForTest(); export {};",
  });
  const reevaluated: string[] = [];
  const end = onReevaluation((module) => reevaluated.push(module));

  const found = await evaluationsOf(async () => {
    await import(files.url("jobs.ts"));
    const unregister = registerTsx();
    require(files.path("jobs.ts"));
    unregister();
  });
  end();

  assert.deepEqual(found, [0, 1]);
  assert.deepEqual(reevaluated, []);
});

/** Evaluates a file as vitest does: an asynchronous strict function, in the file's own name and lines. */
function runAsVitest(path: string): Promise<void> {
  const head = "'use strict';async (siteForTest)=>{{";
  const options = { filename: path, lineOffset: 0, columnOffset: -head.length };
  const run = vm.runInThisContext(`${head}${readFileSync(path, "utf8")}\n}}`, options) as Runnable;
  return run(siteForTest);
}

/** Evaluates a file as Vite's module runner does: an asynchronous function made from its text. */
function runAsVite(path: string): Promise<void> {
  const AsyncFunction = (async () => {}).constructor as new (...parameters: string[]) => Runnable;
  const text = `"use strict";${readFileSync(path, "utf8")}\n//# sourceURL=${path}`;
  return new AsyncFunction("siteForTest", text)(siteForTest);
}

type Runnable = (declare: (module?: string) => void) => Promise<void>;
const { siteForTest } = globalThis as unknown as { siteForTest(module?: string): void };

for (const [runner, run] of [
  ["vitest", runAsVitest],
  ["Vite", runAsVite],
] as const) {
  test(`a module that ${runner} evaluates again is another evaluation, in another turn`, async () => {
    using files = temporaryPackage({ "package.json": "{}" });
    const url = files.url("jobs.js");
    const text = `siteForTest("${url}"); const job = () => siteForTest("${url}"); job(); job(); await null; siteForTest("${url}");`;
    writeFileSync(files.path("jobs.js"), text);

    const found = await evaluationsOf(async () => {
      await run(files.path("jobs.js"));
      await turn();
      await run(files.path("jobs.js"));
    });

    assert.deepEqual(found, [0, 0, 0, 0, 1, 1, 1, 1]);
    assert.ok(declared.every(({ isAtTop }) => isAtTop));
  });

  test(`a module of which ${runner} evaluates a new text is another evaluation, wherever it declares`, async () => {
    using files = temporaryPackage({ "package.json": "{}" });
    const url = files.url("jobs.js");
    const evaluate = async (text: string): Promise<void> => {
      writeFileSync(files.path("jobs.js"), text);
      await run(files.path("jobs.js"));
    };

    const found = await evaluationsOf(async () => {
      await evaluate(`siteForTest("${url}");`);
      await evaluate(`\n\nsiteForTest("${url}");`);
      // As it was once, which was another time.
      await evaluate(`siteForTest("${url}");`);
    });

    assert.deepEqual(found, [0, 1, 2]);
  });

  test(`a module that ${runner} evaluates again may declare something else first`, async () => {
    using files = temporaryPackage({ "package.json": "{}" });
    const url = files.url("jobs.js");
    const text = `if (globalThis.firstForTest) siteForTest("${url}");\nsiteForTest("${url}");`;
    writeFileSync(files.path("jobs.js"), text);

    const found = await evaluationsOf(async () => {
      for (const firstForTest of [true, false]) {
        Object.assign(globalThis, { firstForTest });
        await run(files.path("jobs.js"));
      }
    });

    assert.deepEqual(found, [0, 0, 1]);
  });
}

test("what a named function declares later on is of the last evaluation, whatever the runner", async () => {
  using files = temporaryPackage({ "package.json": "{}" });
  const url = files.url("jobs.js");
  const text = `siteForTest("${url}"); globalThis.lateForTest = function late() { siteForTest("${url}"); };`;
  writeFileSync(files.path("jobs.js"), text);

  const found = await evaluationsOf(async () => {
    await runAsVite(files.path("jobs.js"));
    for (const _ of [1, 2]) {
      await turn();
      (globalThis as unknown as { lateForTest(): void }).lateForTest();
    }
  });

  assert.deepEqual(found, [0, 0, 0]);
  assert.deepEqual(
    declared.map(({ isAtTop }) => isAtTop),
    [true, false, false],
  );
});

test("a sloppy script that is compiled twice in one turn has two evaluations", async () => {
  using files = temporaryPackage({ "jobs.js": "" });
  const run = (): unknown =>
    vm.compileFunction("siteForTest(); siteForTest();", [], { filename: files.path("jobs.js") })();

  const found = await evaluationsOf(() => {
    run();
    run();
  });

  assert.deepEqual(found, [0, 0, 1, 1]);
});

/** Two modules in a bundle, as webpack writes them for development; `again` evaluates the second one once more. */
function webpackBundle(files: TemporaryPackage): string {
  return `(() => {
"use strict";
var __webpack_modules__ = ({
"./src/main.js": ((__unused, __exports, __webpack_require__) => {
  __webpack_require__("./src/jobs.js");
  siteForTest("${files.url("src/main.js")}");
}),
"./src/jobs.js": (() => {
  const job = () => siteForTest("${files.url("src/jobs.js")}");
  job(); job();
}),
});
function __webpack_require__(moduleId) {
  __webpack_modules__[moduleId].call({}, {}, {}, __webpack_require__);
}
globalThis.hotForTest = () => __webpack_require__("./src/jobs.js");
__webpack_require__("./src/main.js");
})();
`;
}

test("a module in a webpack bundle that is replaced while it runs is another evaluation of its own", async () => {
  using files = temporaryPackage({ "src/main.js": "", "src/jobs.js": "", "bundle.cjs": "" });
  writeFileSync(files.path("bundle.cjs"), webpackBundle(files));
  const reevaluated: string[] = [];
  const end = onReevaluation((module) => reevaluated.push(module));

  const found = await evaluationsOf(async () => {
    require(files.path("bundle.cjs"));
    await turn();
    (globalThis as unknown as { hotForTest(): void }).hotForTest();
  });
  end();

  assert.deepEqual(found, [0, 0, 0, 1, 1]);
  assert.ok(declared.every(({ isAtTop, declaredIn }) => isAtTop && declaredIn === undefined));
  assert.deepEqual(reevaluated, [files.url("src/jobs.js")]);
});

test("a module that a bundler's runtime calls without a name is evaluated again in another turn", async () => {
  using files = temporaryPackage({ "src/jobs.js": "", "runtime.cjs": "", "chunk.cjs": "" });
  writeFileSync(files.path("runtime.cjs"), "exports.instantiate = (factory) => factory();");
  const chunk = (comment: string): unknown => {
    writeFileSync(
      files.path("chunk.cjs"),
      `"use strict"; exports.factories = { "[project]/src/jobs.js": () => { siteForTest("${files.url("src/jobs.js")}"); } }; ${comment}`,
    );
    delete require.cache[files.path("chunk.cjs")];
    const { factories } = require(files.path("chunk.cjs")) as { factories: Record<string, unknown> };
    return factories["[project]/src/jobs.js"];
  };
  const { instantiate } = require(files.path("runtime.cjs")) as { instantiate(factory: unknown): void };
  const factory = chunk("");
  const reevaluated: string[] = [];
  const end = onReevaluation((module) => reevaluated.push(module));

  const found = await evaluationsOf(async () => {
    instantiate(factory);
    await turn();
    instantiate(factory);
    // Its text is as it was, but what it imports may not be.
    assert.deepEqual(reevaluated, [files.url("src/jobs.js")]);
    instantiate(chunk("// changed"));
  });
  end();

  assert.deepEqual(found, [0, 1, 2]);
  assert.deepEqual(reevaluated, [files.url("src/jobs.js"), files.url("src/jobs.js")]);
});

test("a module that Turbopack evaluates again is another evaluation, at once and behind an await", async () => {
  using files = temporaryPackage({ "src/jobs.js": "", "chunk.cjs": "" });
  const url = files.url("src/jobs.js");
  const declaring = `siteForTest("${url}"); siteForTest("${url}");`;
  writeFileSync(
    files.path("chunk.cjs"),
    `"use strict"; module.exports = [
      () => { ${declaring} },
      (context) => context(async () => { await null; ${declaring} }),
    ];`,
  );
  const factories = require(files.path("chunk.cjs")) as ((context: unknown) => unknown)[];
  for (const factory of factories) Object.defineProperty(factory, "name", { value: "module evaluation" });

  for (const factory of factories) {
    const reevaluated: string[] = [];
    const end = onReevaluation((module) => reevaluated.push(module));

    const found = await evaluationsOf(async () => {
      await factory((body: () => unknown) => body());
      await turn();
      await factory((body: () => unknown) => body());
    });
    end();

    assert.deepEqual(found, [0, 0, 1, 1]);
    assert.equal(reevaluated.at(-1), url);
  }
});

test("a module that a bundler has put into two files is told of in development only, where one may be an update", async () => {
  using files = temporaryPackage({ "src/jobs.js": "", "one.cjs": "", "two.cjs": "" });
  const url = files.url("src/jobs.js");
  for (const file of ["one.cjs", "two.cjs"]) writeFileSync(files.path(file), `siteForTest("${url}");`);
  const reevaluated: string[] = [];
  const end = onReevaluation((module) => reevaluated.push(module));
  using environment = useEnvironment();
  environment.set("NODE_ENV", "production");

  const load = (file: string): void => {
    delete require.cache[files.path(file)];
    require(files.path(file));
  };
  load("one.cjs");
  load("two.cjs");
  assert.deepEqual(reevaluated, []);
  load("two.cjs");
  assert.deepEqual(reevaluated, [url]);
  environment.set("NODE_ENV", "development");
  load("one.cjs");
  end();

  assert.deepEqual(reevaluated, [url, url]);
});

test("a callback of the module's own that declares again is not told of, since it may not be a reload", async () => {
  using files = temporaryPackage({
    "jobs.cjs": '"use strict"; exports.callbacks = { "[0]": () => siteForTest() };',
  });
  const { callbacks } = require(files.path("jobs.cjs")) as { callbacks: Record<string, () => void> };
  const reevaluated: string[] = [];
  const end = onReevaluation((module) => reevaluated.push(module));

  const found = await evaluationsOf(async () => {
    callbacks["[0]"]?.();
    await turn();
    callbacks["[0]"]?.();
  });
  end();

  assert.deepEqual(found, [0, 1]);
  assert.deepEqual(reevaluated, []);
});

test("onReevaluation names a module once per evaluation, before it is declared what is in it, until it is ended", async () => {
  using files = temporaryPackage({
    "jobs.mjs": "siteForTest(); siteForTest();",
    "other.mjs": "siteForTest();",
  });
  const reevaluated: string[] = [];
  const end = onReevaluation((module) => reevaluated.push(module));

  await import(files.url("jobs.mjs"));
  await import(files.url("other.mjs"));
  assert.deepEqual(reevaluated, []);
  await import(`${files.url("jobs.mjs")}?t=1`);
  assert.deepEqual(reevaluated, [files.url("jobs.mjs")]);
  end();
  await import(`${files.url("jobs.mjs")}?t=2`);

  assert.deepEqual(reevaluated, [files.url("jobs.mjs")]);
});

test("declarations of code whose module is given are of an evaluation of their own script", async () => {
  using files = temporaryPackage({
    "declare.mjs": "export const declare = (module) => siteForTest(module);",
    "jobs.mjs":
      'import { declare } from "./declare.mjs"; declare(import.meta.url); declare(import.meta.url);',
  });

  const found = await evaluationsOf(async () => {
    await import(files.url("jobs.mjs"));
    await import(`${files.url("jobs.mjs")}?t=1`);
  });

  assert.deepEqual(found, [0, 0, 1, 1]);
  assert.deepEqual(
    declared.map(({ path }) => path),
    ["1:42", "1:68", "1:42", "1:68"],
  );
});
