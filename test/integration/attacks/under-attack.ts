/** One attack on a worker of its own, beside a caller that means well: what it costs the worker, and the caller. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WorkerProxy } from "merino";
import { ranMs, threadsOf } from "../../support/thread-times.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { add, lingeredAtMost, strangersSeen } from "../network-worker/fixtures/network-routines.ts";
import { startNetworkWorker } from "../network-worker/workers.ts";
import type { Outcome } from "./outcome.ts";
import { WatchedProcess } from "./watched-process.ts";

const ATTACKER = fileURLToPath(new URL("./attacker.ts", import.meta.url));
/** A budget is never less than three of the largest messages. */
const LARGEST_BYTES = 32 * 1024 * 1024;
const MAX_CONCURRENT_CALLS = 200;
/** The caller beside it makes a call so often: who calls all the time is no light user, and takes turns with the others. */
const EVERY_MS = 5;
const WARM_CALLS = 200;

/** How it is done. */
export interface AttackOptions {
  readonly durationMs: number;
  readonly budgetBytes: number;
}

/** Attacks. */
export async function underAttack(
  what: string,
  { durationMs, budgetBytes }: AttackOptions,
): Promise<Outcome> {
  await using started = await startNetworkWorker({
    maxHeldBytes: budgetBytes,
    maxMessageSize: LARGEST_BYTES,
    maxConcurrentCalls: MAX_CONCURRENT_CALLS,
  });
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const call = add.with({ pool: proxy });
  const { pid } = started.metadata;
  const workMs = await workOf(pid, async () => {
    for (let n = 0; n < WARM_CALLS; n++) await call(1, 2);
  });
  const attacker = fork(ATTACKER, [started.remote.address, what, String(durationMs)], {
    execArgv: [...TYPESCRIPT_FLAGS],
  });
  const exited = once(attacker, "exit");
  await Promise.race([once(attacker, "message"), exited]);

  let done: number | undefined;
  attacker.once("message", (message: { readonly done: number }) => {
    done = message.done;
  });
  using watched = new WatchedProcess(pid);
  attacker.send("go");
  let failed = 0;
  let mostWorkMs = 0;
  const tookMs: number[] = [];
  while (done === undefined && attacker.exitCode === null && attacker.signalCode === null) {
    const beforeMs = workMs();
    const sentMs = performance.now();
    await call(1, 2).catch(() => failed++);
    tookMs.push(performance.now() - sentMs);
    mostWorkMs = Math.max(mostWorkMs, workMs() - beforeMs);
    await pause(EVERY_MS);
  }
  const { processors } = watched;
  await exited;
  const lingered = await lingeredAtMost
    .with({ pool: proxy })()
    .catch(() => undefined);
  const strangers = await strangersSeen
    .with({ pool: proxy })()
    .catch(() => 0);
  const mark = join(tmpdir(), `merino-imported-${pid}`);
  const imported = existsSync(mark);
  rmSync(mark, { force: true });
  return {
    done: done ?? -1,
    times: watched.grownBytes / budgetBytes,
    processors,
    tookMs: tookMs.sort((a, b) => a - b),
    mostWorkMs,
    failed,
    faults: [
      ...(lingered === undefined ? ["the worker has ended"] : []),
      ...(strangers === 0 ? [] : [`a method ran ${strangers} times with what it is no method of`]),
      ...(imported ? ["it has imported a module"] : []),
      ...((lingered ?? 0) > MAX_CONCURRENT_CALLS ? [`${lingered} bodies ran`] : []),
    ],
  };
}

/**
 * A function that tells for how many milliseconds two threads of a worker have run so far: the main one, and the one that
 * holds the connections, which is the one that has the most to do beside it while there are calls.
 */
async function workOf(pid: number, calls: () => Promise<void>): Promise<() => number> {
  const others = threadsOf(pid).filter((thread) => thread !== pid);
  const beforeMs = others.map((thread) => ranMs(pid, thread));
  await calls();
  const tookMs = others.map((thread, at) => ranMs(pid, thread) - (beforeMs[at] ?? 0));
  const listener = others[tookMs.indexOf(Math.max(...tookMs))] ?? pid;
  return () => ranMs(pid, pid) + ranMs(pid, listener);
}
