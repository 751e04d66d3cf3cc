/**
 * One worker of a pool, from its start until its process has gone: since when it serves, what it imports, whether it
 * is to be killed, and what can be said about its end. It is started and ended by its slot (`worker-slot.ts`).
 */
import type { Suspicion } from "../../client/membership/member-supply.ts";
import type { LostWorker } from "../../errors/worker-lost-error.ts";
import { forgetAtExit } from "../../internal/remove-at-exit.ts";
import { sweepFile } from "../../internal/remove-file.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { Worker, WorkerExit } from "../../process/worker.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { ImportsUnderWay } from "./imports-under-way.ts";

const RUN_IN_WORKERS = "lines above open() run in every worker; see isMain";

/** How a worker that has been replaced is ended, if it does not end by itself. */
export interface Retirement {
  /** What its calls get, in milliseconds; `Infinity` for no limit. */
  readonly graceMs: number;
  /** Milliseconds that it may then take to end when asked. */
  readonly killAfterMs: number;
}

/** A worker that a slot has started. */
export class PoolWorker {
  readonly worker: Worker;
  /** How its process has ended; then its socket has gone as well. */
  readonly exited: Promise<WorkerExit>;
  readonly imports: ImportsUnderWay = new ImportsUnderWay();
  /** Its record; absent until it is ready. */
  metadata: WorkerMetadata | undefined;
  /** How it is to be replaced once it serves, since the program has reloaded a module while it was starting. */
  stale: Retirement | undefined;
  /** How it is to end once the one that is started in its place can be called, since it is worn. */
  worn: Retirement | undefined;
  #readyMs = 0;
  #limit: DeadlineEntry | undefined;
  #culprit: string | undefined;

  /** @param socketPath Where it listens; removed at its end, since one that was killed could not. */
  constructor(worker: Worker, socketPath: string) {
    this.worker = worker;
    this.exited = worker.exited.then((exit) => {
      if (sweepFile(socketPath)) forgetAtExit(socketPath);
      return exit;
    });
  }

  get uid(): string {
    return this.worker.uid;
  }

  /** Whether it is killed for being blocked. */
  get killed(): boolean {
    return this.#culprit !== undefined;
  }

  /** It serves. */
  ready(metadata: WorkerMetadata): void {
    this.metadata = metadata;
    this.#readyMs = performance.now();
  }

  /** It finishes the calls that it has, and ends by itself, or at the limit, if there is one. */
  retire(limit?: Retirement): void {
    this.worker.notify({ type: "merino:retire" });
    if (limit === undefined || limit.graceMs === Number.POSITIVE_INFINITY) return;
    // One that does not know the message, or does not get to it, is asked as any other is.
    this.#limit = deadlines.after(
      limit.graceMs,
      () => void this.worker.stop({ killAfter: limit.killAfterMs }),
    );
  }

  /** Its process has gone. */
  ended(): void {
    if (this.#limit !== undefined) deadlines.cancel(this.#limit);
  }

  /** Whether it has served for so long. */
  isSound(ms: number): boolean {
    return this.metadata !== undefined && performance.now() - this.#readyMs >= ms;
  }

  /**
   * Kills it, unless it imports a module: an import may hold the thread as a body does, but has a time of its own, and
   * the routine that is waited for has not even begun.
   *
   * @returns What it is killed for, a routine's identity or a module's URL; `undefined` if it is not, or was before.
   */
  kill({ culprit, certain }: Suspicion): string | undefined {
    if (this.killed) return undefined;
    const importing = this.imports.first;
    if (certain || importing === undefined) this.#culprit = culprit;
    else if (importing.overdue) this.#culprit = importing.module;
    else return undefined;
    void this.worker.stop({ killAfter: 0 }); // its end is reported by `exited`
    return this.#culprit;
  }

  /**
   * What its calls are told.
   *
   * @param exit How it ended; `undefined` while that is not known.
   * @param entry URL of the program's entry module, where there is one.
   */
  loss(exit: WorkerExit | undefined, entry: string | undefined): LostWorker {
    const { uid, pid } = this.worker;
    const importing = this.imports.first?.module;
    // The second process to listen on a port fails, and its import may be over by then.
    const advice =
      entry !== undefined && (importing === entry || exit?.stderr.includes("EADDRINUSE") === true)
        ? RUN_IN_WORKERS
        : undefined;
    return {
      uid,
      pid,
      ...exit,
      culprit: this.#culprit,
      ...(importing === undefined ? {} : { importing }),
      ...(advice === undefined ? {} : { advice }),
    };
  }
}
