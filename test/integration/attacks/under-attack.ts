/** One attack on a worker of its own, beside a caller that means well: what it costs the worker, and the caller. */
import { fork } from "node:child_process";
import { once } from "node:events";
import { existsSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { WorkerProxy } from "merino";
import { residentBytes } from "../../support/resident-bytes.ts";
import { TYPESCRIPT_FLAGS } from "../../support/typescript-flags.ts";
import { add, lingeredAtMost } from "../network-worker/fixtures/network-routines.ts";
import { startNetworkWorker } from "../network-worker/workers.ts";

const ATTACKER = fileURLToPath(new URL("./attacker.ts", import.meta.url));
/** A budget is never less than three of the largest messages. */
const LARGEST_BYTES = 32 * 1024 * 1024;
/** The kernel counts processor time in these. */
const TICK_S = 0.01;
/** The caller beside it makes a call so often: who calls all the time is no light user, and takes turns with the others. */
const EVERY_MS = 5;
const SAMPLE_MS = 5;
const WARM_CALLS = 200;

/** How it is done. */
export interface AttackOptions {
  readonly durationMs: number;
  readonly budgetBytes: number;
  readonly maxConcurrentCalls: number;
}

/** What came of an attack. */
export interface Outcome {
  /** What the attacker says that it has done: bytes that it has sent, or how often. */
  readonly done: number;
  /** By how much the worker's memory grew at most, as a part of the budget. */
  readonly times: number;
  /** Processors that the worker kept busy. */
  readonly processors: number;
  /** What the calls beside it took, in milliseconds, the shortest first. */
  readonly tookMs: readonly number[];
  /** Those of them that failed. */
  readonly failed: number;
  /** Bodies that have run at a time, of the routine that goes on without its caller. */
  readonly lingered: number;
  /** Whether the worker has imported a module that an attacker has named. */
  readonly imported: boolean;
  /** Whether the worker has lived through it. */
  readonly alive: boolean;
}

function processorSeconds(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) * TICK_S;
}

/** Attacks. */
export async function underAttack(
  what: string,
  { durationMs, budgetBytes, maxConcurrentCalls }: AttackOptions,
): Promise<Outcome> {
  await using started = await startNetworkWorker({
    maxHeldBytes: budgetBytes,
    maxMessageSize: LARGEST_BYTES,
    maxConcurrentCalls,
  });
  await using proxy = await WorkerProxy.open({ workers: [started.remote] });
  const call = add.with({ pool: proxy });
  for (let n = 0; n < WARM_CALLS; n++) await call(1, 2);
  const { pid } = started.metadata;
  const attacker = fork(ATTACKER, [started.remote.address, what, String(durationMs)], {
    execArgv: [...TYPESCRIPT_FLAGS],
  });
  const exited = once(attacker, "exit");
  await Promise.race([once(attacker, "message"), exited]);

  const before = residentBytes(pid);
  const beforeS = processorSeconds(pid);
  const sinceMs = performance.now();
  let done: number | undefined;
  attacker.once("message", (message: { readonly done: number }) => {
    done = message.done;
  });
  attacker.send("go");
  let most = before;
  let failed = 0;
  const tookMs: number[] = [];
  const sampling = setInterval(() => {
    most = Math.max(most, residentBytes(pid));
  }, SAMPLE_MS);
  while (done === undefined && attacker.exitCode === null && attacker.signalCode === null) {
    const sentMs = performance.now();
    await call(1, 2).catch(() => failed++);
    tookMs.push(performance.now() - sentMs);
    await pause(EVERY_MS);
  }
  clearInterval(sampling);
  const processors = (processorSeconds(pid) - beforeS) / ((performance.now() - sinceMs) / 1_000);
  await exited;
  const lingered = await lingeredAtMost
    .with({ pool: proxy })()
    .catch(() => undefined);
  const mark = join(tmpdir(), `merino-imported-${pid}`);
  const imported = existsSync(mark);
  rmSync(mark, { force: true });
  return {
    done: done ?? -1,
    times: (most - before) / budgetBytes,
    processors,
    tookMs: tookMs.sort((a, b) => a - b),
    failed,
    lingered: lingered ?? 0,
    imported,
    alive: lingered !== undefined,
  };
}
