/** The health of network workers: through a drain, while a body blocks the main thread, and on an address of its own. */
import assert from "node:assert/strict";
import { existsSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { test } from "node:test";
import { WorkerConnection, WorkerProxy } from "merino";
import { workerIdleTime } from "../../../src/transport/grpc/unary.ts";
import { eventually } from "../../support/eventually.ts";
import { healthClient } from "../../support/foreign-health.ts";
import { freePort } from "../../support/free-port.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { JOBS, type Jobs, routinePackage, startCommand } from "../cli/cli-support.ts";
import { add, blockUntil, held, isHeld } from "./fixtures/network-routines.ts";
import { exitOf, startNetworkWorker } from "./workers.ts";

test("a worker that drains is NOT_SERVING before it refuses the first call, and until it ends", async () => {
  await using _leaks = leakCheck();
  await using worker = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [worker.remote] });
  await using connection = new WorkerConnection(worker.remote);
  using health = healthClient(worker.metadata.address);
  const watch = health.watch();
  const waiting = held.with({ pool: proxy })();
  await eventually(() => isHeld.with({ pool: proxy })());
  assert.equal(await health.check(), "SERVING");

  worker.worker.notify({ type: "merino:retire" });
  const refusal = await eventually(async () =>
    connection.dispatch(add, 1, 2).then(
      () => undefined,
      (error: unknown) => error,
    ),
  );

  assert.equal(await health.check(), "NOT_SERVING", String(refusal));
  await watch.hears("SERVING", "NOT_SERVING");
  worker.worker.notify({ type: "merino:stop" });
  await waiting.catch(() => {}); // cut short
  assert.equal((await exitOf(worker)).exitCode, 0);
  await watch.hears("SERVING", "NOT_SERVING", "UNAVAILABLE");
});

test("a worker whose main thread is held tells of its health, and is NOT_SERVING as soon as its parent has it end", async () => {
  await using _leaks = leakCheck();
  using files = temporaryPackage({});
  await using worker = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [worker.remote] });
  const { address } = worker.metadata;
  using health = healthClient(address);
  const blocking = blockUntil.with({ pool: proxy })(files.path("go"));
  await eventually(async () => (await workerIdleTime(address, { timeoutMs: 10_000 })) === 0);
  const watch = health.watch("wool.runtime.protobuf.wire.Worker");
  await watch.hears("SERVING");
  assert.equal(await health.check(), "SERVING");

  worker.worker.notify({ type: "merino:retire" });
  await watch.hears("SERVING", "NOT_SERVING");
  // All that while nothing could happen in the main thread.
  writeFileSync(files.path("go"), "");

  assert.equal(await blocking, worker.metadata.pid);
  assert.equal((await exitOf(worker)).exitCode, 0);
});

test("merino worker --health tells of each worker on a port of its own, also while a body blocks one that a signal ends", {
  timeout: 120_000,
}, async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const jobs: Jobs = await import(fixtures.url("jobs.js"));
  const port = await freePort();
  await using command = startCommand([
    "worker",
    fixtures.path("jobs.js"),
    ...["--health", `127.0.0.1:${port}`, "--workers", "2"],
  ]);
  const [address = ""] = await command.servesAt(2);
  const healths = [healthClient(`127.0.0.1:${port}`), healthClient(`127.0.0.1:${port + 1}`)];
  await using connection = new WorkerConnection(address, { timeout: 30_000 });
  const blocking = connection.dispatch(jobs.blockUntil, fixtures.path("go"), fixtures.path("begun"));
  await eventually(() => existsSync(fixtures.path("begun")));
  const watches = healths.map((health) => health.watch());
  for (const watch of watches) await watch.hears("SERVING");

  command.child.kill("SIGTERM");

  await Promise.all(watches.map((watch) => eventually(() => watch.told[1] === "NOT_SERVING")));
  writeFileSync(fixtures.path("go"), "");
  await blocking;
  assert.equal(await command.exited, 0, command.stderr);
  for (const { told } of watches) assert.deepEqual(told, ["SERVING", "NOT_SERVING", "UNAVAILABLE"]);
  for (const health of healths) health[Symbol.dispose]();
});

test("merino worker --health says what to do about an address that it cannot have", async () => {
  await using _leaks = leakCheck();
  using fixtures = routinePackage({ "jobs.js": JOBS });
  const other = createServer().listen(0, "127.0.0.1");
  await eventually(() => other.listening);
  const { port } = other.address() as { port: number };
  const failureOf = async (...words: string[]) => {
    await using command = startCommand(["worker", fixtures.path("jobs.js"), ...words]);
    return { code: await command.exited, stderr: command.stderr };
  };

  const taken = await failureOf("--health", `127.0.0.1:${port}`);
  const shared = await failureOf("--health", "127.0.0.1:9000", "--port", "9001", "--workers", "2");
  other.close();

  assert.equal(taken.code, 1);
  assert.match(taken.stderr, /'health'.*a free port on '127\.0\.0\.1'; another program listens/);
  assert.equal(shared.code, 2);
  assert.match(
    shared.stderr,
    /--health: .*another port than those on which calls are taken \(9001 to 9002\)/,
  );
});
