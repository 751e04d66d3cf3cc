/** How far a worker imports modules, and what it answers to a pool that is opened on the way. */
import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { after, test } from "node:test";
import {
  createModuleLoader,
  type ImportObserver,
  type ModuleLoader,
} from "../../../../src/host/modules/module-loader.ts";
import { DeadlineQueue } from "../../../../src/internal/time/deadline-queue.ts";
import type { OpenVerdict } from "../../../../src/internal/worker-role.ts";
import { ImportFailedError } from "../../../../src/worker/import-failed-error.ts";
import { eventually } from "../../../support/eventually.ts";
import { type TemporaryPackage, temporaryPackage } from "../../../support/temporary-package.ts";
import { useFakeClock } from "../../../support/use-fake-clock.ts";

interface Driver {
  loader: ModuleLoader;
  /** What was answered to each `open()`, in order. */
  readonly verdicts: OpenVerdict[];
  /** What fixtures have come to, in order. */
  readonly log: string[];
  /** Told of the loader's imports. */
  observed: ImportObserver | undefined;
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
  const driver: Driver = { loader, verdicts: [], log: [], observed: undefined, release, released };
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
  const observer: ImportObserver = {
    begun: (module, limitMs) => driver.observed?.begun(module, limitMs),
    ended: (module, isLoaded) => driver.observed?.ended(module, isLoaded),
  };
  const driver: Driver = drive(createModuleLoader({ ...options, entry, observer }));
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

test("load rejects a failed import also for what was registered before, every time", async () => {
  using world = setUp({ "jobs.mjs": 'driver.log.push("registered"); throw new Error("later");' });
  const url = world.fixtures.url("jobs.mjs");
  const isRegistered = (): boolean => world.log.includes("registered");

  for (const _ of [1, 2]) {
    await assert.rejects(world.loader.load(url, isRegistered), (error: Error) => {
      assert.equal(error.message, `Cannot import '${url}': later`);
      assert.match(String((error.cause as Error).stack), /jobs\.mjs:1:\d+/);
      return error instanceof ImportFailedError;
    });
  }
});

test("load lets what the entry has declared run although the entry fails below its pool", async () => {
  using world = setUp(
    {
      "main.cjs": `${OPEN_CJS}driver.log.push("declared"); open(); throw new Error("the program's own");`,
      "pool.cjs": POOL_CJS,
    },
    { entry: "main.cjs" },
  );

  await world.loader.load(world.fixtures.url("main.cjs"), () => world.log.includes("declared"));
  await world.loader.load(world.fixtures.url("main.cjs"), () => world.log.includes("declared"));

  assert.equal(world.loader.state(world.fixtures.url("main.cjs")), "suspended");
});

test("load rejects an entry that fails above its pool", async () => {
  using world = setUp(
    { "main.mjs": `${OPEN_ESM}driver.log.push("declared"); throw new Error("no database"); await open();` },
    { entry: "main.mjs" },
  );

  await assert.rejects(
    world.loader.load(world.fixtures.url("main.mjs"), () => world.log.includes("declared")),
    ImportFailedError,
  );
});

test("a loader tells of imports before they begin and when they are over, of the entry when it is suspended", async () => {
  using world = setUp(
    {
      "jobs.mjs": 'driver.log.push("jobs");',
      "bad.mjs": 'throw new Error("no luck");',
      "main.mjs": `${OPEN_ESM}driver.log.push("main"); setTimeout(() => {}, 0); await open();`,
    },
    { entry: "main.mjs" },
  );
  const [jobs, bad, main] = ["jobs.mjs", "bad.mjs", "main.mjs"].map((file) => world.fixtures.url(file));
  const names: Readonly<Record<string, string>> = {
    [jobs ?? ""]: "jobs",
    [bad ?? ""]: "bad",
    [main ?? ""]: "main",
  };
  world.observed = {
    begun: (module, limitMs) => world.log.push(`begun ${names[module]} ${limitMs}`),
    ended: (module) => world.log.push(`ended ${names[module]}`),
  };

  await world.loader.load(jobs ?? "");
  await world.loader.load(jobs ?? "");
  await world.loader.load(bad ?? "").catch(() => {});
  await world.loader.load(main ?? "");

  assert.deepEqual(world.log, [
    ...["begun jobs 30000", "jobs", "ended jobs"],
    ...["begun bad 30000", "ended bad"],
    ...["begun main 30000", "main", "ended main"],
  ]);
});

test("load lets no routine of the entry run in the turn in which that is suspended", async () => {
  using world = setUp(
    {
      "main.mjs": `${OPEN_ESM}
        // As a server does that cannot listen.
        queueMicrotask(() => process.nextTick(() => driver.log.push("failed")));
        await open();`,
    },
    { entry: "main.mjs" },
  );

  await world.loader.load(world.fixtures.url("main.mjs")).then(() => world.log.push("runs"));

  assert.deepEqual(world.log, ["failed", "runs"]);
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
