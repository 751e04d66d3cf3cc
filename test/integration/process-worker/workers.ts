/** Worker processes for tests, and proof that they have gone. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import type { ProcessWorkerOptions, Worker, WorkerContext } from "merino";
import { ProcessWorker } from "merino";
import { keepAlive, letExit } from "../../../src/internal/keep-alive.ts";
import { eventually } from "../../support/eventually.ts";
import { keepAliveCount } from "../../support/keep-alive-count.ts";

/** What a test says about the workers it wants. */
export interface WorkerWish extends ProcessWorkerOptions {
  /** Read by the stand-in; `mode` is what it does. */
  readonly extra?: Readonly<Record<string, string>>;
  readonly context?: Partial<WorkerContext>;
  readonly programUrl?: URL;
}

const STAND_IN_WORKER = new URL("./fixtures/stand-in-worker.mjs", import.meta.url);
let created = 0;

/** Makes a worker that has not been started. */
export function createWorker(wish: WorkerWish = {}): Worker {
  const { extra = {}, context = {}, programUrl = STAND_IN_WORKER, ...options } = wish;
  created += 1;
  const uid = `w-${process.pid}-${created}`;
  return ProcessWorker.factory({ ...options, programUrl })({
    uid,
    socketPath: `/nowhere/${uid}`,
    tags: ["t"],
    extra,
    startTimeoutMs: 20_000,
    entry: undefined,
    ...context,
  });
}

/** Makes several workers of one kind. */
export function createWorkers(count: number, extra: Readonly<Record<string, string>>): Worker[] {
  return Array.from({ length: count }, () => createWorker({ extra }));
}

/** Their process ids. */
export function pids(workers: readonly Worker[]): number[] {
  return workers.map((worker) => worker.pid ?? 0);
}

/** Waits for something that by itself keeps no process alive. */
export async function held<T>(promise: Promise<T>): Promise<T> {
  keepAlive();
  try {
    return await promise;
  } finally {
    letExit();
  }
}

/** Whether a process exists and is more than an entry in the table of processes. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  if (process.platform !== "linux") return true;
  try {
    // The state follows the name, which is in parentheses and may hold anything.
    return !/\) [ZX]/.test(readFileSync(`/proc/${pid}/stat`, "latin1"));
  } catch {
    return false;
  }
}

/** Collects workers; when it is disposed, they are killed if need be, and everything must be as it was before. */
export function useWorkers(): AsyncDisposable & { create(wish?: WorkerWish): Worker } {
  const workers: Worker[] = [];
  const before = holdings();
  return {
    create(wish) {
      const worker = createWorker(wish);
      workers.push(worker);
      return worker;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(workers.map((worker) => worker.stop({ killAfter: 0 })));
      for (const { pid } of workers) assert.equal(pid !== undefined && isAlive(pid), false, `${pid} is left`);
      // Fewer is fine: the loader of the test's own modules closes files late.
      await eventually(
        () => Object.entries(holdings()).every(([kind, count]) => count <= (before[kind] ?? 0)),
        {
          what: `no more is held than before: ${JSON.stringify(before)}`,
        },
      );
    },
  };
}

/** What a worker of this process might leave behind in it. */
function holdings(): Readonly<Record<string, number>> {
  return {
    keptAlive: keepAliveCount(),
    descriptors: process.platform === "linux" ? readdirSync("/proc/self/fd").length : 0,
    listeners: process.stdout.listenerCount("error") + process.stderr.listenerCount("error"),
    exitListeners: process.listenerCount("exit") + process.listenerCount("SIGTERM"),
  };
}
