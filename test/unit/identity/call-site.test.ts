/** Where declarations are found to stand, in every kind of module that a process can load. */
import assert from "node:assert/strict";
import { symlinkSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { after, test } from "node:test";
import { type DeclarationSite, declarationSite, modulesOnStack } from "../../../src/identity/call-site.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";

function declare(given?: string | URL): DeclarationSite {
  return declarationSite(declare, given);
}

function placeOf({ module, declaredIn, isAtTop }: DeclarationSite): object {
  return { module, declaredIn, isAtTop };
}

interface Fixture {
  readonly site: DeclarationSite;
}

/** Fixtures reach what is tested under these names. */
Object.assign(globalThis, {
  declareForTest: declare,
  modulesForTest: function modulesForTest() {
    return modulesOnStack(modulesForTest);
  },
});
after(() => {
  for (const name of ["declareForTest", "modulesForTest"]) Reflect.deleteProperty(globalThis, name);
});

async function importFixture(url: string): Promise<Fixture> {
  return (await import(url)) as Fixture;
}

const SPELLINGS = {
  "esm.mjs": "export const site = declareForTest();",
  "commonjs.cjs": "exports.site = declareForTest();",
  "typescript.ts": "export const site: object = (globalThis as any).declareForTest();",
  "with space #%?é.mjs": "export const site = declareForTest();",
  "static-block.mjs": "class Jobs { static site = declareForTest(); } export const site = Jobs.site;",
  "after-await.mjs": "await null; export const site = declareForTest();",
  "in-map.mjs": "export const [site] = [1].map(() => declareForTest());",
  "in-helper.mjs": "const job = () => declareForTest(); export const site = job();",
};

for (const [file, text] of Object.entries(SPELLINGS)) {
  test(`declarationSite names the module for a declaration in ${file}`, async () => {
    using fixtures = temporaryPackage({ [file]: text });

    const { site } = await importFixture(fixtures.url(file));

    assert.deepEqual(placeOf(site), { module: fixtures.url(file), declaredIn: undefined, isAtTop: true });
  });
}

test("declarationSite names the module that uses a helper, not the helper's", async () => {
  using fixtures = temporaryPackage({
    "helper.mjs":
      "export const job = () => declareForTest(); export const jobs = { add() { return job(); } };",
    "user.mjs": 'import { jobs } from "./helper.mjs"; export const site = jobs.add();',
  });

  const { site } = await importFixture(fixtures.url("user.mjs"));

  assert.deepEqual(placeOf(site), {
    module: fixtures.url("user.mjs"),
    declaredIn: undefined,
    isAtTop: true,
  });
});

test("declarationSite names the module that uses a helper, also one that calls back through a nameless function", async () => {
  using fixtures = temporaryPackage({
    "helper.mjs": "export const jobs = (names) => names.map(() => declareForTest());",
    "user.mjs": 'import { jobs } from "./helper.mjs"; export const [site] = jobs(["add"]);',
  });

  const { site } = await importFixture(fixtures.url("user.mjs"));

  assert.deepEqual([site.module, site.isAtTop, site.path], [fixtures.url("user.mjs"), true, "1:60"]);
});

test("declarationSite names the module of a function that a callback calls later on, not the callback's", async () => {
  using fixtures = temporaryPackage({
    "late.mjs": "export function setUp() { return declareForTest(); }",
  });
  const { setUp } = (await import(fixtures.url("late.mjs"))) as { setUp(): DeclarationSite };

  const [site] = [1].map(() => setUp());

  assert.deepEqual(placeOf(site as DeclarationSite), {
    module: fixtures.url("late.mjs"),
    declaredIn: "setUp",
    isAtTop: false,
  });
});

test("declarationSite gives the places of all calls in the module, as far as its body", async () => {
  using fixtures = temporaryPackage({
    "jobs.mjs": `const job = () => declareForTest();
export const sites = [job(), job(), ...[1, 2].map(() => job())];`,
  });

  const { sites } = (await import(fixtures.url("jobs.mjs"))) as unknown as { sites: DeclarationSite[] };

  assert.deepEqual(
    sites.map(({ path }) => path),
    ["1:19 2:23", "1:19 2:30", "1:19 2:57 2:47", "1:19 2:57 2:47"],
  );
});

test("declarationSite drops the query of a module's URL and keeps what is encoded", async () => {
  using fixtures = temporaryPackage({ "a b?.mjs": "export const site = declareForTest();" });

  const { site } = await importFixture(`${fixtures.url("a b?.mjs")}?t=1#part`);

  assert.equal(site.module, fixtures.url("a b?.mjs"));
});

test("declarationSite resolves symbolic links", async () => {
  using fixtures = temporaryPackage({ "real/jobs.mjs": "" });
  symlinkSync(fixtures.path("real"), fixtures.path("link"));

  assert.equal(declare(fixtures.path("link/jobs.mjs")).module, fixtures.url("real/jobs.mjs"));
});

test("declarationSite names the direct caller's module and function where no top level is on the stack", async () => {
  using fixtures = temporaryPackage({
    "late.mjs":
      "export async function setUp() { await null; return declareForTest(); } export const site = await setUp();",
  });

  const { site } = await importFixture(fixtures.url("late.mjs"));

  assert.deepEqual(placeOf(site), {
    module: fixtures.url("late.mjs"),
    declaredIn: "setUp",
    isAtTop: false,
  });
});

test("declarationSite tells a declaration in a callback of Node's from one at the top level", async () => {
  const site = await new Promise<DeclarationSite>((resolve) => {
    setImmediate(() => resolve(declare()));
  });

  assert.deepEqual(placeOf(site), {
    module: import.meta.url,
    declaredIn: "<anonymous>",
    isAtTop: false,
  });
});

test("declarationSite prefers the module it is given, as a URL or a path", () => {
  using fixtures = temporaryPackage({ "jobs.mjs": "" });
  const url = fixtures.url("jobs.mjs");

  for (const given of [url, new URL(url), `${url}?t=1`, fixtures.path("jobs.mjs")]) {
    assert.equal(declare(given).module, url);
  }
});

for (const given of [
  "jobs.mjs",
  "./jobs.mjs",
  "data:text/javascript,1",
  "https://host/a.mjs",
  "node:fs",
  "",
]) {
  test(`declarationSite refuses '${given}' as a module`, () => {
    assert.throws(() => declare(given), { code: "ERR_MERINO_ROUTINE_DECLARATION" });
  });
}

/** Bodies of functions in a CommonJS file, which itself could be imported. */
const UNIMPORTABLE = {
  eval: 'return (0, eval)("declareForTest()")',
  "direct eval": 'return eval("declareForTest()")',
  "new Function": 'return new Function("return declareForTest()")()',
  vm: 'return require("node:vm").runInThisContext("declareForTest()")',
  "vm with a relative name":
    'return require("node:vm").runInThisContext("declareForTest()", { filename: "jobs.js" })',
  "a data: URL": 'return import("data:text/javascript,export const site = declareForTest()")',
};

for (const [kind, body] of Object.entries(UNIMPORTABLE)) {
  test(`declarationSite refuses code of ${kind} and asks for the module`, async () => {
    using fixtures = temporaryPackage({ "run.cjs": `exports.run = () => { ${body}; };` });
    const { run } = (await import(fixtures.url("run.cjs"))) as { run(): unknown };

    await assert.rejects(async () => run(), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: /import\.meta\.url/,
    });
  });
}

test("declarationSite accepts evaluated code that gives its module", async () => {
  using fixtures = temporaryPackage({
    "jobs.cjs":
      'const { href } = require("node:url").pathToFileURL(__filename); exports.site = eval("declareForTest(href)");',
  });

  const { site } = await importFixture(fixtures.url("jobs.cjs"));

  assert.equal(site.module, fixtures.url("jobs.cjs"));
});

test("declarationSite takes evaluated code at its word about the file that it is, through helpers of such code", async () => {
  using fixtures = temporaryPackage({ "jobs.ts": "", "helper.ts": "" });
  const AsyncFunction = (async () => {}).constructor as new (
    ...parameters: string[]
  ) => (value: unknown) => Promise<unknown>;
  /** As Vite's module runner evaluates what it has transformed. */
  const run = (text: string, file: string, value: unknown): Promise<unknown> =>
    new AsyncFunction("value", `"use strict"; await null; ${text}\n//# sourceURL=${file}`)(value);
  const helper = await run(
    "return function helper() { return declareForTest(); };",
    fixtures.path("helper.ts"),
    undefined,
  );

  const own = (await run("return declareForTest();", fixtures.path("jobs.ts"), undefined)) as DeclarationSite;
  const helped = (await run("return value();", fixtures.path("jobs.ts"), helper)) as DeclarationSite;

  for (const site of [own, helped]) {
    assert.deepEqual(placeOf(site), {
      module: fixtures.url("jobs.ts"),
      declaredIn: undefined,
      isAtTop: true,
    });
  }
});

for (const name of ["jobs.ts", "/no/such/jobs.ts", "webpack://project/jobs.ts", tmpdir()]) {
  test(`declarationSite refuses evaluated code that says to be '${name}'`, () => {
    const evaluated = new Function(`return declareForTest();\n//# sourceURL=${name}`);

    assert.throws(() => evaluated(), {
      code: "ERR_MERINO_ROUTINE_DECLARATION",
      message: /import\.meta\.url/,
    });
  });
}

const STRANGE_ERRORS: Readonly<Record<string, PropertyDescriptorMap>> = {
  "stackTraceLimit 0": { stackTraceLimit: { value: 0, writable: true, configurable: true } },
  "a formatter of its own": {
    prepareStackTrace: { value: () => "nothing", writable: true, configurable: true },
  },
  "a formatter that throws": {
    prepareStackTrace: {
      get: () => () => {
        throw new Error("formatter");
      },
      configurable: true,
    },
  },
};

for (const [kind, properties] of Object.entries(STRANGE_ERRORS)) {
  test(`declarationSite sees through an Error with ${kind} and leaves it as it was`, async () => {
    using fixtures = temporaryPackage({ "jobs.cjs": "exports.site = declareForTest();" });
    const require = createRequire(import.meta.url);
    const keys = ["stackTraceLimit", "prepareStackTrace"] as const;
    const before = keys.map((key) => Object.getOwnPropertyDescriptor(Error, key));
    Object.defineProperties(Error, properties);
    const changed = keys.map((key) => Object.getOwnPropertyDescriptor(Error, key));

    let site: DeclarationSite;
    let after: unknown;
    try {
      ({ site } = require(fixtures.path("jobs.cjs")) as Fixture);
      after = keys.map((key) => Object.getOwnPropertyDescriptor(Error, key));
    } finally {
      keys.forEach((key, index) => {
        const descriptor = before[index];
        if (descriptor === undefined) Reflect.deleteProperty(Error, key);
        else Object.defineProperty(Error, key, descriptor);
      });
    }

    assert.equal(site.module, fixtures.url("jobs.cjs"));
    assert.deepEqual(after, changed);
  });
}

test("declarationSite works with a stackTraceLimit that was deleted", () => {
  const { stackTraceLimit } = Error;
  Reflect.deleteProperty(Error, "stackTraceLimit");

  try {
    assert.equal(declare().module, import.meta.url);
    assert.equal("stackTraceLimit" in Error, false);
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
});

test("modulesOnStack lists the modules of all callers", async () => {
  using fixtures = temporaryPackage({
    "inner.mjs": "export function inner() { return modulesForTest(); }",
    "outer.mjs": 'import { inner } from "./inner.mjs"; export const site = inner();',
  });

  const { site } = await importFixture(fixtures.url("outer.mjs"));

  assert.deepEqual(site, [fixtures.url("inner.mjs"), fixtures.url("outer.mjs")]);
});
