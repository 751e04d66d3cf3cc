/** A network worker whose main thread is held by a routine: what still answers, what waits, what is not lost. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { WorkerProxy } from "../../../src/index.ts";
import { connectGrpc } from "../../../src/transport/grpc/connect.ts";
import { describeWorker, requestStop, workerIdleTime } from "../../../src/transport/grpc/unary.ts";
import { controlSocketPath } from "../../../src/transport/unix/socket-path.ts";
import type { WorkerMetadata } from "../../../src/wire/worker-metadata.ts";
import { eventually } from "../../support/eventually.ts";
import { leakCheck } from "../../support/leak-check.ts";
import { add, block } from "./fixtures/network-routines.ts";
import { exitOf, startNetworkWorker } from "./workers.ts";

const BLOCK_MS = 20_000;
/** What the thread beside the busy one promises, as a rule; a machine with other things to do may be late at times. */
const ANSWER_MS = 100;
const LATE_MS = 3_000;
const FLOOD_BYTES = 200 * 1024 * 1024;
const FLOOD_BATCH_BYTES = 1024 * 1024;

test("a network worker whose main thread is held for 20 s answers idle, describe and stop, keeps its connections, and completes every call", async () => {
  await using _leaks = leakCheck();
  await using started = await startNetworkWorker();
  // Probed often enough that a connection nobody answers on would be lost many times over.
  const worker = { ...started.remote, options: { keepaliveTime: 1_000, keepaliveTimeout: 4_000 } };
  await using first = await WorkerProxy.open({ workers: [worker] });
  await using second = await WorkerProxy.open({ workers: [worker] });
  await Promise.all([first, second].map((proxy) => add.with({ pool: proxy })(0, 0)));
  const { address } = worker;
  const control = `unix:${controlOf(started.metadata)}`;

  const blocking = block.with({ pool: first })(BLOCK_MS);
  const heldSince = performance.now();
  await eventually(async () => (await workerIdleTime(address, { timeoutMs: 10_000 })) === 0);
  const waiting = Promise.all([1, 2, 3].map((n) => add.with({ pool: second })(n, n)));
  for (const call of [blocking, waiting]) call.catch(() => {}); // awaited below, unless something else fails first
  const answersMs: number[] = [];
  const idle: number[] = [];
  while (performance.now() - heldSince < BLOCK_MS * 0.8) {
    answersMs.push(
      await timed(async () => {
        idle.push(await workerIdleTime(address, { timeoutMs: 10_000 }));
      }),
      await timed(() => describeWorker(address, { timeoutMs: 10_000 })),
    );
  }
  const stopMs = await timed(() => requestStop(control, { graceMs: 60_000, timeoutMs: 10_000 }));
  const heldStill = performance.now() - heldSince < BLOCK_MS;

  assert.ok(heldStill, "the thread was free again before everything had been asked");
  assert.ok(answersMs.length >= 20, `only ${answersMs.length} answers`);
  assert.deepEqual([...new Set(idle)], [0]);
  const sorted = answersMs.toSorted((a, b) => a - b);
  const median = sorted[sorted.length >>> 1] ?? Number.NaN;
  assert.ok(median <= ANSWER_MS, `half the answers took more than ${median} ms`);
  assert.ok((sorted.at(-1) ?? Number.NaN) <= LATE_MS, `an answer took ${sorted.at(-1)} ms`);
  assert.ok(stopMs <= LATE_MS, `stop took ${stopMs} ms`);
  assert.equal(await blocking, started.metadata.pid);
  assert.deepEqual(await waiting, [2, 4, 6]);
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

async function timed(operation: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await operation();
  return performance.now() - startedMs;
}
