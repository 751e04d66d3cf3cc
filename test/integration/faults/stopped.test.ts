/** Processes that stand still, as with SIGSTOP, in a debugger, or on a host that is suspended, and go on later. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { ProcessWorker, TimeoutError, WorkerPool, WorkerProxy } from "merino";
import { eventually } from "../../support/eventually.ts";
import { holdThread } from "../../support/hold-thread.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { add, awaitFile, mark } from "../fixtures/pool-routines.ts";
import { isAlive, rejection, useEffects } from "../fixtures/pool-support.ts";
import { startHostCaller, startHostWorker, THIS_HOST } from "./processes.ts";

const ROUTINES = new URL("../fixtures/pool-routines.ts", import.meta.url);
/** A caller gives a silent worker up after less than a second, a worker a silent caller after more than five. */
const PROBES = { keepaliveTime: 300, keepaliveTimeout: 500 };
/** For how long a caller stands still: longer than it has patience with others. */
const STILL_MS = 1_500;

test("a pool's worker that is stopped goes on with its calls, or is replaced once one has timed out", async () => {
  await using _leaks = leakCheck();
  await using pool = await WorkerPool.open({ size: 1, killGrace: 300 });
  const stopped = pool.workers[0]?.pid ?? 0;
  for (let n = 0; n < 50; n += 1) await add(1, n); // known to be short: others are sent ahead behind it

  process.kill(stopped, "SIGSTOP");
  const resumed = add(3, 4);
  await new Promise(setImmediate); // it has left
  process.kill(stopped, "SIGCONT");
  assert.equal(await resumed, 7);

  process.kill(stopped, "SIGSTOP");
  const error = await rejection(add.with({ timeout: 200 })(5, 6));
  const replaced = await add(7, 8);

  assert.ok(error instanceof TimeoutError, String(error));
  assert.equal(replaced, 15);
  assert.equal(pool.stats().restarts, 1);
  assert.equal(isAlive(stopped), false);
});

test("a worker on the network that is stopped is lost, and is called again when it goes on", async () => {
  await using _leaks = leakCheck();
  using effects = useEffects();
  await using worker = await ProcessWorker.open({ host: "127.0.0.1", modules: [ROUTINES] });
  const { pid, socket: _, ...remote } = worker.metadata;
  await using pool = await WorkerProxy.open({ workers: [{ ...remote, pid, options: PROBES }] });
  await add.with({ pool })(1, 2);

  process.kill(pid, "SIGSTOP");
  const lost = await rejection(mark.with({ pool })(effects.path("bodies"), 1, 0));
  const waiting = mark.with({ pool })(effects.path("bodies"), 2, 0);
  process.kill(pid, "SIGCONT");

  assert.equal(await waiting, 2);
  assert.equal((lost as { code?: string }).code, "ERR_MERINO_WORKER_LOST");
  const bodies = effects.lines("bodies");
  assert.equal(new Set(bodies).size, bodies.length);
});

test("a program that is stopped, or blocks its loop, loses no call to the probes of its workers", async () => {
  await using _leaks = leakCheck();
  using effects = useEffects();
  const [log, release] = [effects.path("log"), effects.path("release")];
  const words = ["--keepalive-time", "300", "--keepalive-timeout", "500"];
  await using worker = await startHostWorker(THIS_HOST, words);
  await using caller = await startHostCaller(THIS_HOST, [worker.address]);
  await using pool = await WorkerProxy.open({ workers: [worker.address] });
  await Promise.all([caller.call("add", 1, 2), add.with({ pool })(1, 2)]);

  const calls = [caller.call("awaitFile", release, log), awaitFile.with({ pool })(release, log)];
  await eventually(() => effects.lines("log").length === 2);
  process.kill(caller.pid, "SIGSTOP");
  holdThread(STILL_MS);
  process.kill(caller.pid, "SIGCONT");
  await pause(STILL_MS); // long enough for what they have missed to be held against somebody
  writeFileSync(release, "");

  assert.deepEqual(await Promise.all(calls), [{ value: "done" }, "done"]);
});

test("a program that blocks its loop until its worker has given it up loses no call that had not left", async () => {
  await using _leaks = leakCheck();
  using effects = useEffects();
  const words = ["--keepalive-time", "100", "--keepalive-timeout", "100"];
  await using worker = await startHostWorker(THIS_HOST, words);
  await using pool = await WorkerProxy.open({ workers: [worker.address] });
  await add.with({ pool })(1, 2);
  const cutShort = rejection(awaitFile.with({ pool })(effects.path("never"), effects.path("log")));
  await eventually(() => effects.lines("log").length === 1);

  const before = mark.with({ pool })(effects.path("bodies"), 1, 0);
  holdThread(2 * STILL_MS); // the worker's patience ends after 1.1 s
  const after = mark.with({ pool })(effects.path("bodies"), 2, 0);

  assert.deepEqual(await Promise.all([before, after]), [1, 2]);
  assert.equal(((await cutShort) as { code?: string }).code, "ERR_MERINO_WORKER_LOST");
  assert.deepEqual(effects.lines("bodies").sort(), ["1", "2"]);
});
