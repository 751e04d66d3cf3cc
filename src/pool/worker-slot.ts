/**
 * One place in a pool and the worker in it: started, watched, replaced with growing pauses when it dies. It
 * never gives up by itself; a crash loop is reported, and `quorumTimeout` bounds how long calls wait meanwhile.
 */

import { randomUUID } from "node:crypto";
import { rmSync } from "node:fs";
import { inspect } from "node:util";
import type { LostWorker } from "../errors/worker-lost-error.ts";
import { WorkerStartError } from "../errors/worker-start-error.ts";
import { errorText } from "../internal/error-text.ts";
import { forgetAtExit, removeAtExit } from "../internal/remove-at-exit.ts";
import { type BackoffPolicy, backoffDelayMs } from "../internal/time/backoff.ts";
import { type DeadlineEntry, deadlines } from "../internal/time/deadline-queue.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { warn } from "../internal/warn.ts";
import { explainExit } from "../process/exit-explanation.ts";
import type { Worker, WorkerExit, WorkerFactory } from "../process/worker.ts";
import type { ConnectionId } from "../session/connection-id.ts";
import { socketPath } from "../transport/unix/socket-path.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { WorkerEvent } from "./pool-event.ts";

/** The first replacement starts after a tenth of a second; a worker that keeps dying is replaced every half minute. */
const RESPAWN: BackoffPolicy = { baseMs: 100, factor: 2, maxMs: 30_000, jitter: 0.2 };
/**
 * The longest pause after a worker that had come up: it can come up again, since a call or somebody outside
 * ended it, and the calls of others wait meanwhile.
 */
const RESPAWN_SERVED_MAX_MS = 2_000;
/** If a worker lived this long, its death does not count towards a crash loop. */
const SOUND_MS = 10_000;
/** Deaths in a row that are reported as a crash loop. */
const CRASH_LOOP = 3;
/** How long the end of a lost worker's process may take to be known, once its connection has ended. */
const EXIT_NOTICE_MS = 500;

/** The pool as a slot sees it. */
export interface WorkerSlotOptions {
  readonly factory: WorkerFactory;
  readonly tags: readonly string[];
  /** Further entries of the worker's record. */
  readonly extra: Readonly<Record<string, string>>;
  readonly entry: string | undefined;
  readonly startTimeoutMs: number;
  readonly respawn: boolean;
  readonly ready: (worker: WorkerMetadata) => void;
  readonly gone: (uid: string, metadata: WorkerMetadata | undefined) => void;
  readonly event: (event: WorkerEvent) => void;
  /** Another worker of the pool reports that one does not answer. */
  readonly unresponsive: (uid: string, culprit: string) => void;
}

/** A worker's place. */
export class WorkerSlot {
  readonly #options: WorkerSlotOptions;
  #worker: Worker | undefined;
  #metadata: WorkerMetadata | undefined;
  #stopping = false;
  #deaths = 0;
  #respawnAt: DeadlineEntry | undefined;
  #readyMs = 0;
  #killed: { readonly uid: string; readonly culprit: string } | undefined;
  /** The last worker that ended, for those who ask about it. */
  #last: { readonly uid: string; readonly loss: LostWorker } | undefined;
  /** How the last worker ended, or why it did not come up: a sentence. */
  #lastWords = "";
  /** Why the last start, or the last worker, failed. */
  lastError: Error | undefined;

  constructor(options: WorkerSlotOptions) {
    this.#options = options;
  }

  get uid(): string | undefined {
    return this.#worker?.uid;
  }

  /** Starts the first worker. Rejects when it does not come up. */
  async start(): Promise<void> {
    await this.#spawn();
  }

  /** The known facts about a worker that was in this place; `undefined` if it never was. */
  async describe(uid: string): Promise<LostWorker | undefined> {
    if (this.#worker?.uid === uid) {
      const { exited, pid } = this.#worker;
      const exit = await waitAtMost(EXIT_NOTICE_MS, exited);
      if (exit === undefined) return { uid, pid, culprit: this.#culpritOf(uid) };
    }
    return this.#last?.uid === uid ? this.#last.loss : undefined;
  }

  /** Kills the worker if it is this one. */
  kill(uid: string, culprit: string): boolean {
    if (this.#worker?.uid !== uid || this.#killed?.uid === uid) return this.#worker?.uid === uid;
    this.#killed = { uid, culprit };
    this.#options.event({ type: "worker-unresponsive", uid, culprit });
    void this.#worker.stop({ killAfter: 0 }); // its end is reported by `exited`
    return true;
  }

  /** Tells the worker to take no more root calls of others than the pool that owns it. */
  drain(own: ConnectionId): void {
    this.#worker?.notify({ type: "merino:drain", except: own });
  }

  /** Ends the worker for good. */
  async stop(killAfterMs: number): Promise<void> {
    this.#stopping = true;
    if (this.#respawnAt !== undefined) deadlines.cancel(this.#respawnAt);
    await this.#worker?.stop({ killAfter: killAfterMs });
  }

  async #spawn(): Promise<void> {
    const uid = randomUUID();
    const { factory, tags, extra, entry, startTimeoutMs } = this.#options;
    let path: string;
    let worker: Worker;
    try {
      path = socketPath();
      removeAtExit(path);
      worker = factory({ uid, socketPath: path, tags, extra, startTimeoutMs, entry });
    } catch (error) {
      // There is no worker, hence nothing that exits: the next attempt is due from here.
      this.#failed(uid, error);
      if (this.#deaths > 0) this.#scheduleRespawn("never-ready");
      throw error;
    }
    this.#worker = worker;
    this.#metadata = undefined;
    worker.onMessage = (message) => {
      if (message.type === "merino:unresponsive") this.#options.unresponsive(message.uid, message.culprit);
    };
    worker.exited
      .then((exit) => {
        rmSync(path, { force: true }); // a worker that was killed could not
        forgetAtExit(path);
        this.#exited(worker, exit);
      })
      .catch(reportBug);
    this.#options.event({ type: "worker-starting", uid });
    try {
      const metadata = await worker.start();
      if (this.#stopping || this.#worker !== worker) return;
      this.#metadata = metadata;
      this.#readyMs = performance.now();
      this.#options.event({ type: "worker-ready", uid, pid: metadata.pid });
      this.#options.ready(metadata);
    } catch (error) {
      this.#failed(uid, error);
      throw error;
    }
  }

  #failed(uid: string, error: unknown): void {
    this.lastError = error instanceof Error ? error : new WorkerStartError(errorText(error));
    this.#lastWords = this.lastError.message;
    this.#options.event({ type: "worker-failed", uid, error: this.lastError });
  }

  #exited(worker: Worker, exit: WorkerExit): void {
    const { uid, pid } = worker;
    const expected = this.#stopping;
    const wasReady = this.#metadata !== undefined;
    this.#last = { uid, loss: { uid, pid, ...exit, culprit: this.#culpritOf(uid) } };
    this.#options.event({ type: "worker-exited", uid, pid, ...exit, expected });
    if (this.#worker === worker) this.#worker = undefined;
    if (wasReady) this.#options.gone(uid, this.#metadata);
    this.#metadata = undefined;
    if (expected) return;
    if (wasReady) {
      this.#lastWords = `The last one ${explainExit(exit)}`;
      this.lastError = new WorkerStartError(`the last one ${explainExit(exit)}`, exit);
      // A worker that was killed for blocking was not at fault, nor was one that served for a while.
      if (this.#killed?.uid === uid || performance.now() - this.#readyMs >= SOUND_MS) this.#deaths = 0;
    }
    if (wasReady || this.#deaths > 0) this.#scheduleRespawn(wasReady ? "served" : "never-ready");
  }

  #scheduleRespawn(last: "served" | "never-ready"): void {
    if (!this.#options.respawn || this.#stopping) return;
    this.#deaths += 1;
    const attempt = this.#deaths;
    const policy = last === "served" ? { ...RESPAWN, maxMs: RESPAWN_SERVED_MAX_MS } : RESPAWN;
    const delayMs = Math.round(backoffDelayMs(attempt, policy, Math.random));
    // Repeated each time the count has doubled, so that a log shows it and is not flooded.
    if (attempt >= CRASH_LOOP && Number.isInteger(Math.log2(attempt / CRASH_LOOP))) {
      warn(
        "MERINO_CRASH_LOOP",
        `A worker has died ${attempt} times in a row; the next one starts in ${delayMs} ms. ${this.#lastWords}`,
      );
    }
    this.#options.event({ type: "worker-replacing", attempt, delay: delayMs });
    this.#respawnAt = deadlines.after(delayMs, () => {
      this.#respawnAt = undefined;
      // A start that fails ends in `exited`, which schedules the next one.
      this.#spawn().catch(() => {});
    });
  }

  #culpritOf(uid: string): string | undefined {
    return this.#killed?.uid === uid ? this.#killed.culprit : undefined;
  }
}

function reportBug(error: unknown): void {
  warn("MERINO_BUG", `A pool could not handle the end of a worker: ${inspect(error)}`); // with its stack
}
