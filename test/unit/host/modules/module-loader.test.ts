/** How far a worker imports modules, and what it answers to a pool that is opened on the way. */
import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { after, test } from "node:test";
import { createModuleLoader, type ModuleLoader } from "../../../../src/host/modules/module-loader.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import type { OpenVerdict } from "../../../../src/internal/worker-role.ts";
import { eventually } from "../../../support/eventually.ts";
import { type TemporaryPackage, temporaryPackage } from "../../../support/temporary-package.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

interface Driver {
  loader: ModuleLoader;
  /** What was answered to each `open()`, in order. */
  readonly verdicts: OpenVerdict[];
  /** What fixtures have come to, in order. */
  readonly log: string[];
  /** Lets fixtures that wait for it go on. */
  release(): void;
  readonly released: Promise<void>;
}

/** Stands in for a pool: obeys the verdict. Fixtures reach all of this as `driver`. */
const POOL = `
export function open() {
  const verdict = driver.loader.onOpen();
  driver.verdicts.push(verdict);
  if (verdict === "refuse") throw new Error("refused");
  return verdict === "suspend" ? new Promise(() => {}) : Promise.resolve({});
}`;

function drive(loader: ModuleLoader): Driver {
  let release = (): void => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const driver: Driver = { loader, verdicts: [], log: [], release, released };
  Object.assign(globalThis, { driver });
  return driver;
}

after(() => Reflect.deleteProperty(globalThis, "driver"));

function setUp(
  files: Readonly<Record<string, string>>,
  options: {
    readonly entry?: string;
    readonly importTimeoutMs?: number;
    readonly queue?: DeadlineQueue;
  } = {},
): Driver & Disposable & { readonly fixtures: TemporaryPackage } {
  const fixtures = temporaryPackage({ "pool.mjs": POOL, ...files });
  const entry = options.entry === undefined ? undefined : fixtures.url(options.entry);
  const driver = drive(createModuleLoader({ ...options, entry }));
  return Object.assign(driver, { fixtures, [Symbol.dispose]: () => fixtures[Symbol.dispose]() });
}

const OPEN_ESM = 'import { open } from "./pool.mjs";\n';
const OPEN_CJS = 'const { open } = require("./pool.cjs");\n';
const POOL_CJS = POOL.replace("export function open", "exports.open = function open");

test("load imports a module once, however many ask", async () => {
  using world = setUp({
    "jobs.mjs": 'driver.log.push("evaluated"); await driver.released; driver.log.push("done");',
  });
  const url = world.fixtures.url("jobs.mjs");

  const loads = [world.loader.load(url), world.loader.load(url), world.loader.load(`${url}?again`)];
  await eventually(() => world.log.length === 1);
  assert.equal(world.loader.state(url), "loading");
  world.release();
  await Promise.all(loads);
  await world.loader.load(url);

  assert.deepEqual(world.log, ["evaluated", "done"]);
  assert.equal(world.loader.state(url), "loaded");
});

test("state is unknown for a module that nobody asked for", () => {
  using world = setUp({});

  assert.equal(world.loader.state(world.fixtures.url("jobs.mjs")), "unknown");
  assert.equal(world.loader.failure(world.fixtures.url("jobs.mjs")), undefined);
});

test("load rejects with the error of the import as its cause", async () => {
  using world = setUp({ "jobs.mjs": 'throw new TypeError("no database");' });
  const url = world.fixtures.url("jobs.mjs");

  await assert.rejects(world.loader.load(url), (error: Error) => {
    assert.ok(error.message.includes(url));
    assert.ok(error.message.includes("no database"));
    assert.equal(error.cause, world.loader.failure(url));
    return error.cause instanceof TypeError;
  });
  assert.equal(world.loader.state(url), "failed");
});

test("load resolves in spite of a failed import for what was registered before", async () => {
  using world = setUp({ "jobs.mjs": 'driver.log.push("registered"); throw new Error("later");' });
  const url = world.fixtures.url("jobs.mjs");

  await world.loader.load(url, () => world.log.includes("registered"));

  await assert.rejects(world.loader.load(url, () => world.log.includes("other")));
});

for (const url of ["data:text/javascript,1", "node:fs", "https://host/jobs.mjs", "jobs.mjs"]) {
  test(`load refuses '${url}'`, async () => {
    using world = setUp({});

    await assert.rejects(world.loader.load(url), /not the URL of a file/);
  });
}

test("load gives up on an import that takes too long, and takes it all the same if it ends", async () => {
  using clock = useFakeClock();
  const queue = new DeadlineQueue(clock);
  using world = setUp({ "jobs.mjs": "await driver.released;" }, { importTimeoutMs: 50, queue });
  const url = world.fixtures.url("jobs.mjs");

  const refused = assert.rejects(
    world.loader.load(url, () => true),
    (error: Error) => {
      return error.message.includes(url) && error.message.includes("top-level await");
    },
  );
  await clock.advance(50);
  await refused;
  await assert.rejects(world.loader.load(url));
  world.release();
  await eventually(() => world.loader.state(url) === "loaded");

  await world.loader.load(url);
});

const ENTRIES: Readonly<Record<string, string>> = {
  "top-level.mjs": `${OPEN_ESM}driver.log.push("declared"); await open(); driver.log.push("beyond");`,
  "main.mjs": `${OPEN_ESM}async function main() { await open(); driver.log.push("beyond"); }
    driver.log.push("declared"); main().catch(() => {});`,
  "main.cjs": `${OPEN_CJS}async function main() { await null; await open(); driver.log.push("beyond"); }
    driver.log.push("declared"); main().catch(() => {});`,
  "helper.mjs": 'import { start } from "./start.mjs"; driver.log.push("declared"); await start();',
  "typescript.mts": `${OPEN_ESM}declare const driver: any; driver.log.push("declared" as string); await open();`,
};

for (const [entry, text] of Object.entries(ENTRIES)) {
  test(`onOpen suspends the entry ${entry}, whose routines can then run`, async () => {
    const start = `${OPEN_ESM}export async function start() { await null; await open(); driver.log.push("beyond"); }`;
    using world = setUp({ [entry]: text, "pool.cjs": POOL_CJS, "start.mjs": start }, { entry });
    const url = world.fixtures.url(entry);

    await world.loader.load(url);
    await eventually(() => world.loader.state(url) === "suspended");
    await world.loader.load(url);

    assert.deepEqual(world.verdicts, ["suspend"]);
    assert.deepEqual(world.log, ["declared"]);
  });
}

test("load does not let routines of the entry run before it opens its pool", async () => {
  using world = setUp(
    { "main.mjs": `${OPEN_ESM}await driver.released; driver.log.push("database"); await open();` },
    { entry: "main.mjs" },
  );

  const loaded = world.loader.load(world.fixtures.url("main.mjs"), () => true).then(() => [...world.log]);
  await eventually(() => world.loader.state(world.fixtures.url("main.mjs")) === "loading");
  world.release();

  assert.deepEqual(await loaded, ["database"]);
});

test("onOpen suspends the entry every time it opens a pool, also after the first", async () => {
  using world = setUp(
    { "main.mjs": `${OPEN_ESM}open(); await driver.released; open(); driver.log.push("reached");` },
    { entry: "main.mjs" },
  );

  await world.loader.load(world.fixtures.url("main.mjs"));
  world.release();
  await eventually(() => world.log.includes("reached"));

  assert.deepEqual(world.verdicts, ["suspend", "suspend"]);
});

test("onOpen refuses a pool that another module opens while it is imported", async () => {
  using world = setUp({ "jobs.mjs": `${OPEN_ESM}await open();`, "main.mjs": "" }, { entry: "main.mjs" });

  await assert.rejects(world.loader.load(world.fixtures.url("jobs.mjs")), /refused/);

  assert.deepEqual(world.verdicts, ["refuse"]);
});

test("onOpen refuses what continues from the import of a module other than the entry", async () => {
  using world = setUp({
    "app.mjs": `${OPEN_ESM}async function main() { await driver.released; await open(); } main().catch(() => {});`,
  });

  await world.loader.load(world.fixtures.url("app.mjs"));
  world.release();
  await eventually(() => world.verdicts.length === 1);

  assert.deepEqual(world.verdicts, ["refuse"]);
});

test("onOpen allows a pool in a body that runs after the import, and in one called by imported code", async () => {
  using world = setUp({ "jobs.mjs": `${OPEN_ESM}export const body = () => open(); driver.inside(body);` });
  const url = world.fixtures.url("jobs.mjs");
  Object.assign(world, { inside: AsyncResource.bind((body: () => unknown) => body()) });

  await world.loader.load(url);
  const { body } = (await import(url)) as { body(): unknown };
  await body();

  assert.deepEqual(world.verdicts, ["allowed", "allowed"]);
});

test("load tells of a module that waits for the suspended entry, which imports it in turn", async () => {
  using clock = useFakeClock();
  using world = setUp(
    {
      "jobs.mjs": 'import "./main.mjs"; driver.log.push("registered");',
      "main.mjs": `${OPEN_ESM}import "./jobs.mjs"; await open();`,
    },
    { entry: "main.mjs", queue: new DeadlineQueue(clock) },
  );

  const refused = assert.rejects(
    world.loader.load(world.fixtures.url("jobs.mjs"), () => world.log.includes("registered")),
    (error: Error) => error.message.includes(world.fixtures.url("main.mjs")),
  );
  await eventually(() => world.verdicts.length === 1);
  await clock.advance(1_000);
  await refused;

  assert.equal(world.loader.state(world.fixtures.url("main.mjs")), "suspended");
  await world.loader.load(world.fixtures.url("main.mjs"));
});

test("load finishes a module that imports the entry, if the entry does not wait at its top level", async () => {
  using world = setUp(
    {
      "jobs.mjs": 'import "./main.mjs"; driver.log.push("registered");',
      "main.mjs": `${OPEN_ESM}import "./jobs.mjs"; async function main() { await open(); } main();`,
    },
    { entry: "main.mjs" },
  );

  await world.loader.load(world.fixtures.url("jobs.mjs"));

  assert.deepEqual([world.verdicts, world.log], [["suspend"], ["registered"]]);
  assert.equal(world.loader.state(world.fixtures.url("jobs.mjs")), "loaded");
});
