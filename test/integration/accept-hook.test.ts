/** Backpressure hooks in the workers of a pool: bodies never exceed what they allow, and every call gets its turn. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NoWorkersAvailableError, ProcessWorker, type Routine, WorkerPool } from "merino";
import { leakCheck } from "../support/leak-check.ts";
import { temporaryPackage } from "../support/temporary-package.ts";

const INDEX = import.meta.resolve("merino");

/** Its routines tell how many of them were running, in their own worker, while they ran. */
const JOBS = `import { routine } from ${JSON.stringify(INDEX)};
import { setTimeout as pause } from "node:timers/promises";
let running = 0;
export const most = routine(async function most() {
  running += 1;
  let seen = running;
  for (let turn = 0; turn < 4; turn++) {
    await pause(2);
    seen = Math.max(seen, running);
  }
  running -= 1;
  return [process.pid, seen];
});
export const outer = routine(async function outer() { return await most(); });
`;

interface Jobs {
  readonly most: Routine<() => Promise<[pid: number, seen: number]>>;
  readonly outer: Routine<() => Promise<[pid: number, seen: number]>>;
}

/** A package's name is part of every identity in it. */
let packages = 0;

async function setUp(hook: string, size: number): Promise<AsyncDisposable & { readonly jobs: Jobs }> {
  packages += 1;
  const fixtures = temporaryPackage({
    "package.json": JSON.stringify({ name: `accept-${packages}`, type: "module" }),
    "jobs.js": JOBS,
    "accept.js": hook,
  });
  const worker = ProcessWorker.factory({ accept: fixtures.url("accept.js") });
  const pool = await WorkerPool.open({ size, worker });
  return {
    jobs: await import(fixtures.url("jobs.js")),
    async [Symbol.asyncDispose]() {
      await pool.close();
      fixtures[Symbol.dispose]();
    },
  };
}

test("AcceptHook of a worker holds its bodies to two at a time, reaches two, and loses no call", async () => {
  await using _leaks = leakCheck();
  await using world = await setUp("export const accept = ({ inFlight }) => inFlight < 2;", 1);

  const seen = await Promise.all(Array.from({ length: 40 }, () => world.jobs.most()));

  assert.equal(seen.length, 40);
  assert.equal(Math.max(...seen.map(([, count]) => count)), 2);
});

test("AcceptHook that refuses sends the call to the next worker", async () => {
  await using _leaks = leakCheck();
  await using world = await setUp("export default ({ inFlight }) => inFlight < 1;", 2);

  const seen = await Promise.all(Array.from({ length: 20 }, () => world.jobs.most()));

  assert.equal(new Set(seen.map(([pid]) => pid)).size, 2);
  assert.equal(Math.max(...seen.map(([, count]) => count)), 1);
});

test("AcceptHook that lets nested calls in keeps a tree of calls from waiting for itself", async () => {
  await using _leaks = leakCheck();
  await using world = await setUp(
    "export const accept = ({ inFlight, task }) => task.nested || inFlight < 1;",
    1,
  );

  const seen = await Promise.all(Array.from({ length: 5 }, () => world.jobs.outer()));

  assert.deepEqual(new Set(seen.map(([, count]) => count)), new Set([1]));
});

test("AcceptHook that fails fails the calls for which no other worker is left, and says so", async () => {
  await using _leaks = leakCheck();
  await using world = await setUp("export const accept = () => { throw new Error('broken'); };", 1);

  const error = await world.jobs.most().then(
    () => undefined,
    (reason: unknown) => reason,
  );

  assert.ok(error instanceof NoWorkersAvailableError);
  assert.deepEqual(
    error.reasons.map(({ reason }) => reason),
    ["refused"],
  );
  assert.match(error.reasons[0]?.detail ?? "", /accept hook/);
});
