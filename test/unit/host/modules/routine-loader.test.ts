/** Which routine a worker takes for a request, where its process has several of one identity. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createModuleLoader } from "../../../../src/host/modules/module-loader.ts";
import { OwnProject } from "../../../../src/host/modules/own-project.ts";
import { createRoutineLoader } from "../../../../src/host/modules/routine-loader.ts";
import { definitionOf } from "../../../../src/identity/registry.ts";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";
import type { RoutineOrigin } from "../../../../src/wire/frames.ts";
import { temporaryPackage } from "../../../support/temporary-package.ts";

const MERINO = new URL("../../../../src/index.ts", import.meta.url).href;

let packages = 0;

interface Asked {
  /** Default: that of the routine which both versions of the package have. */
  readonly id?: string;
  /** Path of the module that the caller names, or its URL. */
  readonly at?: string;
  readonly url?: string;
  readonly origin?: Partial<RoutineOrigin>;
}

interface World extends Disposable {
  readonly id: string;
  readonly project: OwnProject;
  url(file: string): string;
  import(file: string): Promise<unknown>;
  resolve(asked: Asked): Promise<RoutineDefinition>;
}

const OUTER = "node_modules/lib";
const INNER = "node_modules/other/node_modules/lib";

/** A program with two versions of a package, whose routine says which one it is of. */
function setUp(files: Readonly<Record<string, string>> = {}): World {
  const name = `copies-${packages++}`;
  const lib = (version: string): Record<string, string> => ({
    "package.json": JSON.stringify({ name, type: "module", version }),
    "index.js": `import { routine } from ${JSON.stringify(MERINO)};
      export const which = routine(async function which() { return "${version}"; });`,
  });
  const at = (folder: string, contents: Readonly<Record<string, string>>): Record<string, string> =>
    Object.fromEntries(Object.entries(contents).map(([file, text]) => [`${folder}/${file}`, text]));
  const fixtures = temporaryPackage({
    "package.json": JSON.stringify({ name: `${name}-program`, type: "module" }),
    ...at(OUTER, lib("1.0.0")),
    ...at(INNER, lib("2.0.0")),
    ...at("linked", lib("3.0.0")),
    ...files,
  });
  const project = new OwnProject();
  const loader = createModuleLoader({ entry: undefined });
  const resolver = createRoutineLoader(loader, { project });
  const id = `${name}/index.js#which`;
  return {
    id,
    project,
    url: (file) => fixtures.url(file),
    import: (file) => import(fixtures.url(file)),
    resolve({ id: asked = id, at: module, url, origin }) {
      const location = url ?? (module === undefined ? "" : fixtures.url(module));
      const whole = { copy: "", packageVersion: "", scriptHash: new Uint8Array(0), path: "" };
      return resolver.resolve({
        id: asked,
        location,
        origin: origin && { ...whole, ...origin },
        mayImport: true,
      });
    },
    [Symbol.dispose]: () => fixtures[Symbol.dispose](),
  };
}

async function answer(definition: Promise<RoutineDefinition>): Promise<unknown> {
  return await ((await definition).body as () => Promise<unknown>)();
}

const outer = { at: `${OUTER}/index.js`, origin: { copy: `/${OUTER}`, packageVersion: "1.0.0" } };
const inner = { at: `${INNER}/index.js`, origin: { copy: `/${INNER}`, packageVersion: "2.0.0" } };

test("a routine of each copy is found for callers of that copy, whichever was asked for first", async () => {
  using world = setUp();

  const found = [];
  for (const asked of [outer, inner, outer]) found.push(await answer(world.resolve(asked)));

  assert.deepEqual(found, ["1.0.0", "2.0.0", "1.0.0"]);
});

test("a copy that has been loaded does not keep the caller's own from being imported", async () => {
  using world = setUp();
  await world.import(`${OUTER}/index.js`);

  assert.equal(await answer(world.resolve(inner)), "2.0.0");
});

test("a package that is linked for the caller is imported from there", async () => {
  using world = setUp();
  await world.import(`${OUTER}/index.js`);

  const asked = { at: "linked/index.js", origin: { copy: "", packageVersion: "3.0.0" } };

  assert.equal(await answer(world.resolve(asked)), "3.0.0");
});

test("without a module to import, the same version is taken, else the same copy, else what there is", async () => {
  using world = setUp();
  await world.import(`${OUTER}/index.js`);
  const elsewhere = { copy: "/node_modules/elsewhere", packageVersion: "2.0.0" };
  assert.equal(await answer(world.resolve({ origin: elsewhere })), "1.0.0");

  await world.import(`${INNER}/index.js`);

  assert.equal(await answer(world.resolve({ origin: elsewhere })), "2.0.0");
  assert.equal(
    await answer(world.resolve({ origin: { copy: `/${INNER}`, packageVersion: "9.0.0" } })),
    "2.0.0",
  );
});

test("several copies, none of which is meant, are ambiguous", async () => {
  using world = setUp();
  await world.import(`${OUTER}/index.js`);
  await world.import(`${INNER}/index.js`);

  for (const asked of [{}, { origin: { copy: "/node_modules/elsewhere", packageVersion: "9.0.0" } }]) {
    await assert.rejects(world.resolve(asked), {
      message:
        /several copies .*'\/node_modules\/lib' \(1\.0\.0\).*'\/node_modules\/other\/node_modules\/lib' \(2\.0\.0\)/,
    });
  }
});

test("a caller of an older release, which says nothing of copies, is told by the module it names", async () => {
  using world = setUp();
  await world.import(`${OUTER}/index.js`);
  await world.import(`${INNER}/index.js`);

  assert.equal(await answer(world.resolve({ at: inner.at })), "2.0.0");
});

test("a module of another release is not imported, and the caller is told", async () => {
  using world = setUp();
  using other = temporaryPackage({
    "package.json": JSON.stringify({ name: world.id.replace("/index.js#which", "-program"), type: "module" }),
    [outer.at]: "throw new Error('imported');",
  });
  world.project.add(world.url("main.js"));

  await assert.rejects(world.resolve({ ...outer, url: other.url(outer.at) }), {
    message: /another project or another release/,
  });
  await world.import(outer.at);
  assert.equal(await answer(world.resolve({ ...outer, url: other.url(outer.at) })), "1.0.0");
});

test("the same version is taken from elsewhere where the caller's own cannot be imported", async () => {
  using world = setUp({ "broken/node_modules/lib/index.js": "throw new Error('broken');" });
  await world.import(`${OUTER}/index.js`);
  const broken = "broken/node_modules/lib/index.js";

  const same = { at: broken, origin: { copy: "/node_modules/broken", packageVersion: "1.0.0" } };
  const another = { at: broken, origin: { copy: "/node_modules/broken", packageVersion: "2.0.0" } };

  assert.equal(await answer(world.resolve(same)), "1.0.0");
  await assert.rejects(world.resolve(another), { message: /broken/ });
});

test("what an import did not declare is not taken from another copy", async () => {
  using world = setUp({ "empty/node_modules/lib/index.js": "" });
  await world.import(`${OUTER}/index.js`);

  const asked = {
    at: "empty/node_modules/lib/index.js",
    origin: { copy: "/node_modules/lib2", packageVersion: "2" },
  };

  await assert.rejects(world.resolve(asked), {
    message: /did not declare 'which'.*pass \{ name: "which", module: import\.meta\.url \} to routine\(\)/,
  });
});

test("a routine is refused if the caller has declared another one of that name in the same text", async () => {
  using world = setUp({
    "index.js": `import { routine } from ${JSON.stringify(MERINO)};
      export const which = routine(async function which() { return "here"; });`,
  });
  const { which } = (await world.import("index.js")) as { which: { readonly id: string } };
  const { site } = definitionOf(which)?.declaration ?? {};
  const scriptHash = Buffer.from(site?.evaluation.scriptHash() ?? "", "hex");
  const [path = ""] = site?.path.split(" ") ?? [];
  const resolve = (origin: Partial<RoutineOrigin>): Promise<unknown> =>
    answer(world.resolve({ id: which.id, at: "index.js", origin }));

  assert.equal(scriptHash.length, 32);
  await assert.rejects(resolve({ scriptHash, path: "99:9" }), {
    message: new RegExp(`at index\\.js:99:9, .*at index\\.js:${path}\\b.*condition`),
  });
  // A path that was taken up after an await is not whole.
  for (const origin of [
    { scriptHash, path },
    { scriptHash, path: `${path} 99:9` },
  ]) {
    assert.equal(await resolve(origin), "here");
  }
  // Another text, or none that is known, proves nothing.
  for (const origin of [
    { scriptHash: scriptHash.map((byte) => ~byte), path: "99:9" },
    { path: "99:9" },
    { scriptHash },
  ]) {
    assert.equal(await resolve(origin), "here");
  }
});

test("a method is the one that its caller means if it was decorated in the same place, by whichever way", async () => {
  using world = setUp({
    "index.js": `import { routine } from ${JSON.stringify(MERINO)};
      export class Basket { static async which() { return "here"; } }
      const decorate = (target, key) =>
        Object.defineProperty(target, key, routine(target, key, Object.getOwnPropertyDescriptor(target, key)));
      decorate(Basket, "which");`,
  });
  const { Basket } = (await world.import("index.js")) as { Basket: { which: { readonly id: string } } };
  const { site } = definitionOf(Basket.which)?.declaration ?? {};
  const scriptHash = Buffer.from(site?.evaluation.scriptHash() ?? "", "hex");
  const [helper, place] = site?.path.split(" ") ?? [];
  const resolve = (path: string): Promise<unknown> =>
    answer(world.resolve({ id: Basket.which.id, at: "index.js", origin: { scriptHash, path } }));

  assert.match(place ?? "", /^5:\d+$/);
  assert.equal(await resolve(`99:9 ${place}`), "here");
  await assert.rejects(resolve(`${helper} 99:9`), { message: /condition/ });
});
