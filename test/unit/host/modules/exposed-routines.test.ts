/** What callers may call that cannot cause imports, what they are told about the rest, and that is nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { exposeModules } from "../../../../src/host/modules/expose-modules.ts";
import type { ExposedRoutines } from "../../../../src/host/modules/exposed-routines.ts";
import { parseIdentityMapping } from "../../../../src/host/modules/identity-map.ts";
import { createModuleLoader, type ModuleLoader } from "../../../../src/host/modules/module-loader.ts";
import {
  createRoutineLoader,
  type RoutineLoaderOptions,
} from "../../../../src/host/modules/routine-loader.ts";
import type { RoutineDefinition } from "../../../../src/identity/routine-definition.ts";
import type { Nack } from "../../../../src/wire/frames.ts";
import { NackCode } from "../../../../src/wire/messages/nack-code.ts";
import type { RoutineResolver } from "../../../../src/worker/routine-resolver.ts";
import { type TemporaryPackage, temporaryPackage } from "../../../support/temporary-package.ts";

const MERINO = new URL("../../../../src/index.ts", import.meta.url).href;
const IMPORT = `import { portable, routine } from ${JSON.stringify(MERINO)};\n`;

/** A package's name is part of every identity in it: one of its own for each test. */
let packages = 0;

interface World extends Disposable {
  readonly name: string;
  readonly fixtures: TemporaryPackage;
  readonly loader: ModuleLoader;
}

function setUp(files: Readonly<Record<string, string>>): World {
  packages += 1;
  const name = `exposure-${packages}`;
  const sources = Object.fromEntries(Object.entries(files).map(([file, text]) => [file, IMPORT + text]));
  const fixtures = temporaryPackage({ "package.json": JSON.stringify({ name, type: "module" }), ...sources });
  const loader = createModuleLoader({ entry: undefined });
  return { name, fixtures, loader, [Symbol.dispose]: () => fixtures[Symbol.dispose]() };
}

async function resolverOf(
  { fixtures, loader }: World,
  modules: readonly string[],
  options: RoutineLoaderOptions = {},
): Promise<RoutineResolver> {
  const exposed = await exposeModules(
    loader,
    modules.map((file) => fixtures.url(file)),
    { importOnDemand: false },
  );
  return createRoutineLoader(loader, { exposed, ...options });
}

function ask(
  resolver: RoutineResolver,
  id: string,
  mayImport = false,
  location = "",
): RoutineDefinition | Nack | undefined {
  return resolver.lookup({ id, location, mayImport });
}

function idOf(found: RoutineDefinition | Nack | undefined): string | undefined {
  return found !== undefined && "id" in found ? found.id : undefined;
}

function refusalOf(found: RoutineDefinition | Nack | undefined): Nack {
  if (found !== undefined && "code" in found) return found;
  throw new assert.AssertionError({ message: `not refused: ${idOf(found)}` });
}

const LIBRARY = `
export const shared = routine(async function shared() {});
export const secret = routine(async function secret() {});
`;

test("createRoutineLoader gives a network caller what the modules declare and what they export of others, at once", async () => {
  using world = setUp({
    "lib.js": LIBRARY,
    "jobs.js": `export const add = routine(async function add() {});
const internal = routine(async function internal() {});
export { shared } from "./lib.js";`,
  });
  const { name } = world;
  const resolver = await resolverOf(world, ["jobs.js"]);

  const ids = ["jobs.js#add", "jobs.js#internal", "lib.js#shared"].map((path) => `${name}/${path}`);

  assert.deepEqual(
    ids.map((id) => idOf(ask(resolver, id))),
    ids,
  );
});

test("createRoutineLoader refuses a network caller what is merely loaded, and does not tell of it", async () => {
  using world = setUp({
    "lib.js": LIBRARY,
    "jobs.js": `export const secrets = routine(async function secrets() {});
import "./lib.js";`,
  });
  const { name } = world;
  const resolver = await resolverOf(world, ["jobs.js"]);

  const hidden = refusalOf(ask(resolver, `${name}/lib.js#secret`));
  const misspelt = refusalOf(ask(resolver, `${name}/jobs.js#secret`));
  const unheardOf = refusalOf(ask(resolver, `${name}/lib.js#sacred`));

  assert.equal(hidden.code, NackCode.NOT_EXPOSED);
  assert.match(misspelt.reason, new RegExp(`'${name}/jobs.js#secrets'`));
  for (const { reason } of [hidden, misspelt, unheardOf]) assert.doesNotMatch(reason, /lib\.js|shared/);
  // Whether it exists cannot be told from the answer.
  assert.equal(hidden.code, unheardOf.code);
});

test("createRoutineLoader imports nothing for a network caller, whatever location it names", async () => {
  using world = setUp({
    "jobs.js": "export const add = routine(async function add() {});",
    "other.js": "globalThis.otherWasImported = true; export const sub = routine(async function sub() {});",
  });
  const { name, fixtures } = world;
  const resolver = await resolverOf(world, ["jobs.js"]);

  const found = ask(resolver, `${name}/other.js#sub`, false, fixtures.url("other.js"));
  const request = { id: `${name}/other.js#sub`, location: fixtures.url("other.js"), mayImport: false };

  assert.equal(refusalOf(found).code, NackCode.NOT_EXPOSED);
  await assert.rejects(resolver.resolve(request));
  assert.equal("otherWasImported" in globalThis, false);
});

test("createRoutineLoader imports for a local caller, unless the worker imports nothing on demand", async () => {
  using world = setUp({
    "jobs.js": "export const add = routine(async function add() {});",
    "other.js": "export const sub = routine(async function sub() {});",
  });
  const { name, fixtures } = world;
  const request = { id: `${name}/other.js#sub`, location: fixtures.url("other.js"), mayImport: true };
  const strict = await resolverOf(world, ["jobs.js"], { importOnDemand: false });
  const open = await resolverOf(world, ["jobs.js"]);

  const refused = strict.lookup(request);
  const before = open.lookup(request);
  const imported = await open.resolve(request);
  const stillRefused = strict.lookup({ ...request, definition: undefined });

  assert.equal(refusalOf(refused).code, NackCode.NOT_EXPOSED);
  assert.equal(before, undefined);
  assert.equal(imported.id, request.id);
  assert.equal(refusalOf(stillRefused).code, NackCode.NOT_EXPOSED);
});

test("ExposedRoutines include methods of exported classes, inherited ones too, and those of no others", async () => {
  // Decorators by hand: the fixtures are plain JavaScript.
  const method = (Class: string, name: string, statical: boolean): string => `{
  const initializers = [];
  const target = ${statical ? Class : `${Class}.prototype`};
  Object.defineProperty(target, "${name}", { configurable: true, writable: true, value: routine(target.${name}, {
    kind: "method", name: "${name}", static: ${statical}, private: false, addInitializer: (fn) => initializers.push(fn),
  }) });
  for (const initializer of initializers) initializer.call(${Class});
}`;
  using world = setUp({
    "lib.js": `export class Base { async greet() {} static async make() {} }
portable(Base);
${method("Base", "greet", false)}
${method("Base", "make", true)}
export class Hidden { async peek() {} static async open() {} }
portable(Hidden);
${method("Hidden", "peek", false)}
${method("Hidden", "open", true)}`,
    "jobs.js": `import { Base } from "./lib.js";
export class Derived extends Base {}
export const add = routine(async function add() {});`,
  });
  const { name } = world;
  const resolver = await resolverOf(world, ["jobs.js"]);

  const verdicts = ["Base.greet", "Base.make", "Hidden.peek", "Hidden.open"].map(
    (path) => idOf(ask(resolver, `${name}/lib.js#${path}`)) !== undefined,
  );

  assert.deepEqual(verdicts, [true, true, false, false]);
});

test("ExposedRoutines look through namespaces that a module exports, and through its default export", async () => {
  using world = setUp({
    "lib.js": LIBRARY,
    "jobs.js": 'export * as lib from "./lib.js";',
    "default.js": 'import { secret } from "./lib.js"; export default { secret };',
  });
  const { name } = world;
  const namespaced = await resolverOf(world, ["jobs.js"]);
  const byDefault = await resolverOf(world, ["default.js"]);

  assert.equal(idOf(ask(namespaced, `${name}/lib.js#secret`)), `${name}/lib.js#secret`);
  assert.equal(idOf(ask(byDefault, `${name}/lib.js#secret`)), `${name}/lib.js#secret`);
  assert.equal(refusalOf(ask(byDefault, `${name}/lib.js#shared`)).code, NackCode.NOT_EXPOSED);
});

for (const module of [
  "../../etc/passwd",
  "/etc/passwd",
  "file:///etc/passwd",
  "node:fs",
  "data:text/javascript,1",
  "a/%2e%2e/b",
]) {
  test(`createRoutineLoader refuses an identity of module '${module}' to network and local callers alike`, async () => {
    using world = setUp({ "jobs.js": "export const add = routine(async function add() {});" });
    const resolver = await resolverOf(world, ["jobs.js"]);

    const network = ask(resolver, `${module}#name`);
    const local = ask(resolver, `${module}#name`, true, world.fixtures.url("jobs.js"));

    assert.equal(refusalOf(network).code, NackCode.NOT_EXPOSED);
    assert.equal(refusalOf(local).code, NackCode.UNKNOWN_ROUTINE);
  });
}

test("exposeModules refuses modules of which none offers a routine, and one that cannot be imported", async () => {
  using world = setUp({
    "empty.js": "export const three = 3;",
    "setup.js": "export default function setUp() {}",
    "jobs.js": "export const add = routine(async function add() {});",
    "broken.js": "throw new Error('at the top');",
  });
  const expose = (...files: readonly string[]): Promise<ExposedRoutines> =>
    exposeModules(
      world.loader,
      files.map((file) => world.fixtures.url(file)),
      { importOnDemand: false },
    );

  await assert.rejects(expose("empty.js"), {
    code: "ERR_MERINO_ROUTINE_DECLARATION",
    message: /empty\.js.*no routine/,
  });
  await assert.rejects(expose("setup.js", "empty.js"), /setup\.js' and .*empty\.js.*no routine/);
  const exposed = await expose("setup.js", "jobs.js", "empty.js");
  assert.ok(exposed.find(`${world.name}/jobs.js#add`));
  await assert.rejects(expose("broken.js"), /broken\.js.*at the top/);
  await assert.rejects(expose("missing.js"), /missing\.js/);
});

test("exposeModules takes modules without a routine where callers may cause imports", async () => {
  using world = setUp({ "setup.js": "export default function setUp() {}" });
  const url = world.fixtures.url("setup.js");

  await exposeModules(world.loader, [url], { importOnDemand: true });

  assert.equal(world.loader.state(url), "loaded");
});

test("createRoutineLoader with a mapping serves callers that name another directory of the package, in both directions", async () => {
  using world = setUp({
    "dist/jobs.js": "export const add = routine(async function add() {});",
    "src/tools.js": "export const sub = routine(async function sub() {});",
  });
  const { name } = world;
  const mappings = [parseIdentityMapping("dist=src")];
  const mapped = await resolverOf(world, ["dist/jobs.js", "src/tools.js"], { mappings });
  const plain = await resolverOf(world, ["dist/jobs.js"]);

  assert.equal(idOf(ask(mapped, `${name}/src/jobs.ts#add`)), `${name}/dist/jobs.js#add`);
  assert.equal(idOf(ask(mapped, `${name}/dist/tools.js#sub`)), `${name}/src/tools.js#sub`);
  assert.equal(refusalOf(ask(plain, `${name}/src/jobs.ts#add`)).code, NackCode.NOT_EXPOSED);
});

test("createRoutineLoader with a mapping does not expose what is not exposed under its own name", async () => {
  using world = setUp({
    "dist/lib.js": LIBRARY,
    "dist/jobs.js": `import "./lib.js"; export const add = routine(async function add() {});`,
  });
  const resolver = await resolverOf(world, ["dist/jobs.js"], {
    mappings: [parseIdentityMapping("dist=src")],
  });

  const found = ask(resolver, `${world.name}/src/lib.ts#secret`);

  assert.equal(refusalOf(found).code, NackCode.NOT_EXPOSED);
});

test("createRoutineLoader without modules gives network callers nothing", async () => {
  using world = setUp({ "jobs.js": "export const add = routine(async function add() {});" });
  await world.loader.load(world.fixtures.url("jobs.js"));

  const found = ask(createRoutineLoader(world.loader), `${world.name}/jobs.js#add`);

  assert.equal(refusalOf(found).code, NackCode.NOT_EXPOSED);
});
