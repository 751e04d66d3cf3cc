/** The short form of `main.ts`; and routines that only a newer build has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LocalDiscovery, RoundRobinBalancer, type Routine, WorkerPool } from "merino";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { useWarnings } from "../../support/use-warnings.ts";
import { startCommand } from "../cli/cli-support.ts";
import { deployUnderLoad } from "./rolling-deploy.ts";

const DEPLOYS = 2;
const WORKERS = 2;

test("a rolling deploy under load with build: 'same' fails no call, and no call crosses", async (context) => {
  await using _leaks = leakCheck();
  using warnings = useWarnings();

  const { calls, crossed, failed, refused, exitCodes } = await deployUnderLoad({
    deploys: DEPLOYS,
    workers: WORKERS,
    pauseMs: 10, // leaves the processor to the workers that start
  });

  context.diagnostic(`${calls} calls, ${refused} workers refused for their build`);
  assert.deepEqual({ crossed, failed }, { crossed: 0, failed: {} });
  assert.ok(refused >= DEPLOYS, `${refused} refused`);
  assert.deepEqual(exitCodes, new Array(DEPLOYS * WORKERS).fill(0));
  assert.deepEqual(warnings.codes, []);
});

const MERINO = JSON.stringify(import.meta.resolve("merino"));
const OLD = `
import { routine } from ${MERINO};
export const known = routine(async function known() { return process.env.MERINO_BUILD; });
`;
const NEW = `${OLD}
export const added = routine(async function added() { return process.env.MERINO_BUILD; });
export const relay = routine(async function relay() { return added(); });
`;

interface Jobs {
  readonly known: Routine<() => Promise<string>>;
  readonly added: Routine<() => Promise<string>>;
  readonly relay: Routine<() => Promise<string>>;
}

/** A release of one package: the name is part of every identity in it. */
function release(source: string) {
  const manifest = JSON.stringify({ name: `deploys-${process.pid}`, type: "module" });
  return temporaryPackage({ "package.json": manifest, "jobs.js": source });
}

test("a routine that an older worker does not have goes to a newer one, and the older one is asked once", async () => {
  await using _leaks = leakCheck();
  using older = release(OLD);
  using newer = release(NEW);
  const where = ["--discovery", "local:added-routine"];
  await using a = startCommand(["worker", older.path("jobs.js"), ...where, "--build", "a"]);
  await using b = startCommand(["worker", newer.path("jobs.js"), ...where, "--build", "b"]);
  await Promise.all([a.serves(), b.serves()]);
  const { known, added, relay } = (await import(newer.url("jobs.js"))) as Jobs;
  await using pool = await WorkerPool.open({
    discovery: new LocalDiscovery("added-routine"),
    balancer: new RoundRobinBalancer(),
    quorum: 2,
    ambient: false,
  });

  const builds = new Set<string>();
  for (let n = 0; n < 40; n++) builds.add(await added.with({ pool })());
  const { redirected } = pool.stats();
  for (let n = 0; n < 40; n++) builds.add(await relay.with({ pool })());
  const others = await Promise.all(Array.from({ length: 200 }, () => known.with({ pool })()));

  assert.deepEqual([...builds], ["b"]);
  assert.deepEqual([...new Set(others)].sort(), ["a", "b"]);
  assert.equal(redirected, 1);
  assert.deepEqual(
    pool
      .stats()
      .workers.map(({ build, lacks }) => [build, lacks])
      .sort(),
    [
      ["a", [added.id, relay.id]],
      ["b", undefined],
    ],
  );

  b.child.kill("SIGTERM");
  await b.exited;
  await eventually(() => pool.workers.length === 1);
  await assert.rejects(added.with({ pool })(), { refusal: "NOT_EXPOSED" });
  assert.equal(await known.with({ pool })(), "a");
});
