/** A network worker whose main thread is held by a routine: what still answers, what waits, what is not lost. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import type { WorkerMetadata } from "merino";
import { WorkerProxy } from "merino";
import { connectGrpc } from "../../../src/transport/grpc/connect.ts";
import { describeWorker, requestStop, workerIdleTime } from "../../../src/transport/grpc/unary.ts";
import { controlSocketPath } from "../../../src/transport/unix/socket-path.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { temporaryPackage } from "../../support/temporary-package.ts";
import { add, block, blockUntil } from "./fixtures/network-routines.ts";
import { exitOf, startNetworkWorker } from "./workers.ts";

/** For how long, at least, the thread is held: a connection nobody answers on would be lost several times over. */
const HELD_MS = 10_000;
const QUESTIONS = 20;
const FLOOD_BYTES = 200 * 1024 * 1024;
const FLOOD_BATCH_BYTES = 1024 * 1024;

test("a network worker whose main thread is held answers idle, describe and stop, keeps its connections, and completes every call", async () => {
  await using _leaks = leakCheck();
  using files = temporaryPackage({});
  await using started = await startNetworkWorker();
  const worker = { ...started.remote, options: { keepaliveTime: 500, keepaliveTimeout: 2_000 } };
  await using first = await WorkerProxy.open({ workers: [worker] });
  await using second = await WorkerProxy.open({ workers: [worker] });
  await using third = await WorkerProxy.open({ workers: [worker] });
  await Promise.all([first, second, third].map((proxy) => add.with({ pool: proxy })(0, 0)));
  const { address } = worker;
  const control = `unix:${controlOf(started.metadata)}`;

  const blocking = blockUntil.with({ pool: first })(files.path("go"));
  const heldSince = performance.now();
  await eventually(async () => (await workerIdleTime(address, { timeoutMs: 10_000 })) === 0);
  // One of each client, which sends it at once: a second call might wait at the client until the first is answered.
  const waiting = Promise.all([second, third].map((proxy, n) => add.with({ pool: proxy })(n, 1)));
  for (const call of [blocking, waiting]) call.catch(() => {}); // awaited below, unless something else fails first
  const idle: number[] = [];
  const uids: string[] = [];
  await eventually(
    async () => {
      idle.push(await workerIdleTime(address, { timeoutMs: 10_000 }));
      uids.push((await describeWorker(address, { timeoutMs: 10_000 })).uid);
      return idle.length >= QUESTIONS && performance.now() - heldSince >= HELD_MS;
    },
    { everyMs: 250, withinMs: 4 * HELD_MS },
  );
  await requestStop(control, { graceMs: 60_000, timeoutMs: 10_000 });
  // All that has been answered while nothing could happen in the main thread.
  writeFileSync(files.path("go"), "");

  assert.deepEqual([...new Set(idle)], [0]);
  assert.deepEqual([...new Set(uids)], [started.metadata.uid]);
  assert.equal(await blocking, started.metadata.pid);
  assert.deepEqual(await waiting, [1, 2]);
  assert.deepEqual(await exitOf(started).then(({ exitCode, signal }) => ({ exitCode, signal })), {
    exitCode: 0,
    signal: undefined,
  });
});

test("a network worker that is told to stop at once and does not get to it is killed", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const blocking = block
    .with({ pool: proxy })(60_000)
    .catch((error: unknown) => error);
  await eventually(async () => (await workerIdleTime(started.remote.address, { timeoutMs: 10_000 })) === 0);

  await requestStop(`unix:${controlOf(started.metadata)}`, { graceMs: 0, timeoutMs: 10_000 });
  const exit = await exitOf(started);

  assert.equal(exit.signal, "SIGKILL");
  assert.match(exit.stderr, /did not stop/);
  assert.equal(((await blocking) as { code?: string }).code, "ERR_MERINO_WORKER_LOST");
});

test("a client that floods a busy network worker is held back, and does not fill its memory", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const { pid } = started.metadata;
  const blocking = block
    .with({ pool: proxy })(60_000)
    .catch((error: unknown) => error);
  await eventually(async () => (await workerIdleTime(started.remote.address, { timeoutMs: 10_000 })) === 0);
  const carrier = await connectGrpc(started.remote.address);
  carrier.events = { batch() {}, drain() {}, closed() {} };
  const before = residentBytes(pid);

  // Whatever it says: nobody reads it while the thread is held.
  for (let sent = 0; sent < FLOOD_BYTES; sent += FLOOD_BATCH_BYTES)
    carrier.send(new Uint8Array(FLOOD_BATCH_BYTES));
  let after = before;
  let unchanged = 0;
  await eventually(
    () => {
      const now = residentBytes(pid);
      unchanged = Math.abs(now - after) < 1024 * 1024 ? unchanged + 1 : 0;
      after = now;
      return unchanged === 5;
    },
    { everyMs: 300, withinMs: 30_000 },
  );
  const grownBytes = after - before;
  carrier.destroy();
  process.kill(pid, "SIGKILL");
  await blocking;

  assert.ok(grownBytes < FLOOD_BYTES / 4, `it grew by ${grownBytes} bytes of ${FLOOD_BYTES}`);
});

/** Memory of another process, on Linux. */
function residentBytes(pid: number): number {
  const pages = Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
  return pages * 4096;
}

function controlOf({ socket }: WorkerMetadata): string {
  return controlSocketPath(socket ?? "");
}
