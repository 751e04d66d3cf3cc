/**
 * Keeps an open pool from running code that its program has reloaded: when a module is evaluated again, its own
 * workers are replaced, whatever has changed in which module, since a worker imports each once. Workers that it has
 * found are not its to end.
 */
import type { WorkerProxy } from "../client/worker-proxy.ts";
import { onReevaluation } from "../identity/evaluation.ts";
import { warn } from "../internal/warn.ts";
import type { Retirement } from "./workers/pool-worker.ts";
import type { PoolWorkers } from "./workers/pool-workers.ts";

/** What it acts on. */
export interface HotReloadOptions {
  readonly workers: PoolWorkers;
  readonly proxy: WorkerProxy;
  readonly retirement: Retirement;
}

/** The watch of one pool over the modules of its program. */
export class HotReload {
  readonly #options: HotReloadOptions;
  #end: (() => void) | undefined;
  #warned = false;

  constructor(options: HotReloadOptions) {
    this.#options = options;
  }

  /** Begins to watch. */
  watch(): void {
    this.#end = onReevaluation((module) => this.#reloaded(module));
  }

  /** Ends the watch. Idempotent. */
  end(): void {
    this.#end?.();
    this.#end = undefined;
  }

  #reloaded(module: string): void {
    // Test runners evaluate modules again for each file of tests, whatever has changed.
    if (process.env.VITEST !== undefined || process.env.JEST_WORKER_ID !== undefined) return;
    const { workers, proxy, retirement } = this.#options;
    workers.renew(retirement);
    if (this.#warned || proxy.explain().members.every(({ own }) => own)) return;
    this.#warned = true;
    warn(
      "MERINO_STALE_WORKERS",
      `The module '${module}' was evaluated again. The pool has replaced its own workers; those it has found go on running what they have loaded, until they are restarted`,
    );
  }
}
