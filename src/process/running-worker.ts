/**
 * A worker started directly by a program, not by a pool. If a discovery is given, the worker is announced there until it
 * ends. Its `Worker` starts and ends the process.
 */
import type { Discovery, Publisher } from "../discovery/discovery.ts";
import { assertDuration, assertKnownOptions } from "../errors/check-options.ts";
import { createDeferred } from "../internal/deferred.ts";
import { errorText } from "../internal/error-text.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { forgetAtExit } from "../internal/remove-at-exit.ts";
import { sweepFile } from "../internal/remove-file.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { waitedFor } from "../internal/waited-promise.ts";
import { warn } from "../internal/warn.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import type { Worker, WorkerExit } from "./worker.ts";

/** Options for closing a {@link RunningWorker}. */
export interface CloseWorkerOptions {
  /**
   * Milliseconds, from 0, granted to calls in flight: 0 ends them at once, `Infinity` waits for all of them.
   * Default 60 000.
   */
  readonly grace?: number | undefined;
}

const DEFAULT_GRACE_MS = 60_000;
/** The time that the process has to exit after its calls have ended or the grace is over; then it is killed. */
const KILL_AFTER_MS = 5_000;
/**
 * How long retracting the announcement may take: a server of the discovery that does not answer must not keep the worker
 * from ending.
 */
const RETRACT_MS = 5_000;

/** A worker that serves. Made by {@link ProcessWorker.open}. */
export class RunningWorker implements AsyncDisposable {
  /** Its record, as it is announced. */
  readonly metadata: WorkerMetadata;
  /**
   * Resolves once its process has gone, for whatever reason, with how it ended. Never rejects. Whoever waits for it, by
   * `await` or `then`, keeps the program alive until then.
   */
  readonly exited: Promise<WorkerExit>;
  readonly #worker: Worker;
  readonly #socketPath: string;
  readonly #publisher: Publisher | undefined;
  readonly #graceOver = createDeferred();
  #retracting: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Starts a worker and announces it. When that fails, nothing is left running.
   *
   * @param socketPath The path given to the worker. The file is removed once the process has gone.
   * @throws What keeps the worker from starting, or from being announced.
   */
  static async start(
    worker: Worker,
    options: { readonly socketPath: string; readonly discovery: Discovery | undefined },
  ): Promise<RunningWorker> {
    const { socketPath, discovery } = options;
    try {
      const metadata = await worker.start();
      const running = new RunningWorker(worker, { metadata, socketPath, publisher: discovery?.publisher() });
      await running.#announce();
      return running;
    } catch (error) {
      await worker.stop({ killAfter: KILL_AFTER_MS });
      removeSocket(socketPath);
      throw error;
    }
  }

  private constructor(
    worker: Worker,
    parts: {
      readonly metadata: WorkerMetadata;
      readonly socketPath: string;
      readonly publisher: Publisher | undefined;
    },
  ) {
    this.#worker = worker;
    this.metadata = parts.metadata;
    this.#socketPath = parts.socketPath;
    this.#publisher = parts.publisher;
    this.exited = waitedFor(worker.exited);
    void worker.exited.then(() => this.#ended());
  }

  /** Where callers reach it: `host:port` or `[v6]:port` with a `host`, otherwise `unix:/path`. */
  get address(): string {
    return this.metadata.address;
  }

  /**
   * Retracts the worker, has it refuse new calls and wait for running ones up to the grace, then stops the process. May
   * be called again; a shorter grace then takes effect. Resolves when the process has gone.
   *
   * @throws {@link InvalidOptionError} at once, for a grace that is no duration.
   */
  close(options: CloseWorkerOptions = {}): Promise<void> {
    assertKnownOptions(options, { grace: true });
    const { grace: graceMs = DEFAULT_GRACE_MS } = options;
    assertDuration("grace", graceMs);
    if (graceMs === 0) this.#graceOver.resolve();
    else if (
      graceMs !== Number.POSITIVE_INFINITY &&
      (this.#closing === undefined || options.grace !== undefined)
    ) {
      const over = deadlines.after(graceMs, this.#graceOver.resolve);
      void this.#worker.exited.then(() => deadlines.cancel(over));
    }
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** As {@link close}, with the default grace: for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #announce(): Promise<void> {
    try {
      await this.#publisher?.publish({ type: "worker-added", worker: this.metadata });
    } catch (error) {
      await this.#retract();
      throw error;
    }
  }

  async #close(): Promise<void> {
    keepAlive();
    try {
      // Retracted before it refuses calls, so that callers have turned to other workers by then.
      await Promise.race([this.#retract(), this.#graceOver.promise]);
      this.#worker.notify({ type: "merino:retire" });
      await Promise.race([this.#worker.exited, this.#graceOver.promise]);
      await this.#worker.stop({ killAfter: KILL_AFTER_MS });
      await this.#retract();
    } finally {
      letExit();
    }
  }

  /** The process has ended, whether asked to or not: removes its socket and its announcement. */
  async #ended(): Promise<void> {
    removeSocket(this.#socketPath);
    await this.#retract();
  }

  /** Takes the announcement back. Never rejects. */
  #retract(): Promise<void> {
    this.#retracting ??= this.#closePublisher();
    return this.#retracting;
  }

  async #closePublisher(): Promise<void> {
    const publisher = this.#publisher;
    if (publisher === undefined) return;
    try {
      const closed = (async (): Promise<true> => {
        await publisher.close();
        return true;
      })();
      if ((await waitAtMost(RETRACT_MS, closed)) === undefined) {
        throw new Error(`its publisher has not closed within ${RETRACT_MS} ms`);
      }
    } catch (error) {
      warn("MERINO_PUBLISH_FAILED", `Cannot retract worker '${this.metadata.uid}': ${errorText(error)}`);
    }
  }
}

/** Removes the socket file, which a killed worker leaves behind. */
function removeSocket(path: string): void {
  if (sweepFile(path)) forgetAtExit(path);
}
