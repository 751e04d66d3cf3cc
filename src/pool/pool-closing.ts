/**
 * How a pool ends, step by step: it stops being ambient, new calls are refused, those under way awaited, its workers
 * retracted, the calls that are left aborted, the workers stopped, the proxy closed. Each step has a bound of its own.
 */
import type { WorkerProxy } from "../client/worker-proxy.ts";
import { removeAmbient } from "../context/scope.ts";
import { PoolClosedError } from "../errors/pool-closed-error.ts";
import { createDeferred } from "../internal/deferred.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import { warn } from "../internal/warn.ts";
import type { OwnAnnouncements } from "./own-announcements.ts";
import type { PoolWorkers } from "./workers/pool-workers.ts";

/** How long to wait for generators and streams that nobody reads before a warning says so. */
const IDLE_NOTICE_MS = 1_000;

/** The parts of a pool that are closed. */
export interface PoolClosingOptions {
  readonly proxy: WorkerProxy;
  readonly workers: PoolWorkers;
  readonly announcements: Pick<OwnAnnouncements, "retract">;
  /** How long a worker that is asked to end may take. */
  readonly killGraceMs: number;
}

/** The end of one pool. */
export class PoolClosing {
  readonly #options: PoolClosingOptions;
  readonly #graceOver = createDeferred();
  #draining = false;

  constructor(options: PoolClosingOptions) {
    this.#options = options;
  }

  /** Whether calls under way are being waited for. A worker that is replaced meanwhile serves them. */
  get draining(): boolean {
    return this.#draining;
  }

  /** Runs all steps. To be called once. */
  async run(graceMs: number): Promise<void> {
    const { proxy, workers, announcements, killGraceMs } = this.#options;
    // First of all: calls that name no pool belong to one that still takes them.
    removeAmbient(proxy.dispatcher);
    proxy.refuseCalls(() => new PoolClosedError("Cannot take the call: the pool is closing or closed"));
    if (proxy.unsettled > 0 && graceMs > 0) await this.#drain(graceMs);
    const retracted = announcements.retract();
    // At once: a task that loses its nested calls to the retraction would fail with that, and not because the pool closes.
    proxy.abortCalls(() => new PoolClosedError("Cannot complete the call: the pool has been closed"));
    await retracted;
    try {
      await workers.stop(killGraceMs);
    } finally {
      await proxy.close();
    }
  }

  /** Waits no longer than this for the calls under way. */
  shorten(graceMs: number): void {
    if (graceMs === Number.POSITIVE_INFINITY) return;
    deadlines.after(graceMs, () => this.#graceOver.resolve());
  }

  async #drain(graceMs: number): Promise<void> {
    this.#draining = true;
    this.#options.workers.drain();
    await this.#awaitCalls(graceMs);
    this.#draining = false;
  }

  /** Waits for the calls under way, at most for the grace; says so when only those are left that nobody reads. */
  async #awaitCalls(graceMs: number): Promise<void> {
    const { proxy } = this.#options;
    keepAlive();
    const over = deadlines.after(graceMs, () => this.#graceOver.resolve());
    const notice = deadlines.after(IDLE_NOTICE_MS, () => {
      const unread = proxy.unreadStreams;
      if (unread === 0 || unread < proxy.unsettled) return;
      warn(
        "MERINO_CLOSE_WAITS",
        `A pool that is closing waits ${graceMs === Number.POSITIVE_INFINITY ? "without limit" : `up to ${graceMs} ms`} for ${unread} ${unread === 1 ? "call" : "calls"} whose values or streams nobody reads; end these with return(), cancel() or break, or close with a shorter grace`,
      );
    });
    try {
      await Promise.race([proxy.settled(), this.#graceOver.promise]);
    } finally {
      deadlines.cancel(over);
      deadlines.cancel(notice);
      letExit();
    }
  }
}
