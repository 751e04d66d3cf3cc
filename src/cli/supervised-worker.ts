/**
 * One worker of the command as its supervisor sees it: the process that serves, its announcement, the time that its
 * calls get once it is to end, and the next process if it is to be replaced. It never waits for the worker's main
 * thread without a limit, since a body may block that.
 */
import { randomUUID } from "node:crypto";
import { constants } from "node:os";
import type { DiscoveryDescriptor, Publisher } from "../discovery/discovery.ts";
import { WorkerStartError } from "../errors/worker-start-error.ts";
import { placeOf } from "../host/parent/start-failure.ts";
import { errorText } from "../internal/error-text.ts";
import { forgetAtExit, removeAtExit } from "../internal/remove-at-exit.ts";
import { sweepFile } from "../internal/remove-file.ts";
import { type BackoffPolicy, backoffDelayMs } from "../internal/time/backoff.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";
import { pause, waitAtMost } from "../internal/time/wait.ts";
import { explainExit } from "../process/exit-explanation.ts";
import {
  chooseLimits,
  type ResolvedRecycleOptions,
  type WearReason,
  wearOf,
} from "../process/recycle/recycle-options.ts";
import type { RecycleTurns } from "../process/recycle/recycle-turns.ts";
import { ToldWorker } from "../process/told-worker.ts";
import type { ChildMessage, Worker, WorkerExit, WorkerFactory } from "../process/worker.ts";
import type { WarmValue } from "../state/worker-values.ts";
import { socketPath } from "../transport/unix/socket-path.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { ExitCode, say, type Terminal } from "./terminal.ts";

/** The first replacement starts after a tenth of a second; of a worker that keeps ending, one every half minute. */
const RESTART: BackoffPolicy = { baseMs: 100, factor: 2, maxMs: 30_000, jitter: 0.2 };
/** A worker that has served for so long ends the series of those that did not. */
const SOUND_MS = 10_000;
/** How long retracting may take, so that an unreachable network does not keep a worker from ending. */
const RETRACT_MS = 2_000;
/** How long the main thread may take to heed that time is over. Beyond that a body blocks it, and it is killed. */
const HEED_MS = 500;
/** How long the last steps of a worker that has heeded it may take: the words to its callers. */
const LAST_STEPS_MS = 5_000;
/** The same after a second signal. */
const HURRY_MS = 500;

/** When the workers of one command are ended and started anew, in turn. */
export interface SupervisedRecycling {
  readonly limits: ResolvedRecycleOptions;
  readonly turns: RecycleTurns;
}

/** How a worker is started, and what becomes of it. */
export interface SupervisedWorkerOptions {
  readonly factory: WorkerFactory;
  readonly tags: readonly string[];
  readonly extra: Readonly<Record<string, string>>;
  /** Discoveries that callers over the network may name for nested calls. */
  readonly discoveries: readonly DiscoveryDescriptor[];
  /** Values that it has before it serves. */
  readonly warm?: readonly WarmValue[] | undefined;
  /** Absent: it is not announced. */
  readonly publisher: Publisher | undefined;
  /** When it is ended and started anew; absent: never. */
  readonly recycle?: SupervisedRecycling | undefined;
  /** Whether another takes its place when it ends without having been asked to. */
  readonly restart: boolean;
  /** How long its calls may take if whoever asks it to end does not say. */
  readonly graceMs: number;
  readonly terminal: Terminal;
  /** Where time comes from; the shared one unless a test gives another. */
  readonly queue?: DeadlineQueue;
}

/** A worker, and those that take its place. */
export class SupervisedWorker {
  readonly #options: SupervisedWorkerOptions;
  readonly #queue: DeadlineQueue;
  /** Fires when it is to end for good. */
  readonly #ending = new AbortController();
  #worker: Worker | undefined;
  /** Of a worker that serves, until it is retracted. */
  #metadata: WorkerMetadata | undefined;
  #readyAtMs = 0;
  /** Workers in a row that have ended, or did not come up. */
  #failures = 0;
  #endAtMs = Number.POSITIVE_INFINITY;
  /** Present once its calls may no longer take what they like. */
  #end: DeadlineEntry | undefined;
  #retired = false;
  /** Its time is over, and it is stopped, or killed. */
  #cutShort = false;
  /** It was ended while it started: how it ended says nothing. */
  #abandoned = false;
  #heeded = false;
  /** It is ended only to be started anew, and since when; it holds a port, which two cannot have. */
  #recycling = false;
  #age: DeadlineEntry | undefined;
  /** The next process is started at once: the one before has not failed. */
  #isAnew = false;

  constructor(options: SupervisedWorkerOptions) {
    this.#options = options;
    this.#queue = options.queue ?? deadlines;
  }

  /**
   * Starts a process. Resolves when it is ready to serve, or was asked to end before.
   *
   * @throws Why it is not; it has gone then.
   */
  async start(): Promise<void> {
    const { factory, tags, extra, discoveries, warm, recycle } = this.#options;
    const uid = randomUUID();
    const path = socketPath();
    removeAtExit(path);
    const limits = recycle === undefined ? undefined : chooseLimits(recycle.limits);
    const made = factory({
      ...(limits !== undefined && { reports: { wear: wearOf(limits) } }),
      ...{ uid, socketPath: path, tags, extra, discoveries, warm },
      startTimeoutMs: Number.POSITIVE_INFINITY,
      entry: undefined,
    });
    const worker = new ToldWorker(made);
    this.#worker = worker;
    worker.onMessage = (message) => this.#heard(worker, message);
    void worker.exited.then(() => {
      if (sweepFile(path)) forgetAtExit(path); // a worker that was killed could not
    });
    try {
      this.#metadata = await worker.start();
    } catch (error) {
      if (this.#ending.signal.aborted) return; // as it was asked to
      throw error;
    }
    this.#readyAtMs = this.#queue.now();
    if (limits !== undefined && Number.isFinite(limits.ageMs))
      this.#age = this.#queue.after(limits.ageMs, () => this.#worn(worker, "age", limits.ageMs));
    recycle?.turns.review();
  }

  /** Whether it serves, and is not to end. */
  get isServing(): boolean {
    return this.#metadata !== undefined && !this.isEnding;
  }

  /** Announces it, if it is still there and is to stay, and prints its address. */
  async announce(): Promise<void> {
    const metadata = this.#metadata;
    if (metadata === undefined || this.#ending.signal.aborted) return;
    await this.#options.publisher?.publish({ type: "worker-added", worker: metadata });
    this.#options.terminal.out(`${metadata.address}\n`);
  }

  /**
   * Serves until there is nobody left to serve.
   *
   * @returns The exit code: 0 if it was asked to end, and did not crash all the same.
   */
  async serve(): Promise<number> {
    for (;;) {
      const exit = await this.#worker?.exited;
      // Judged now: what it is asked while it is being retracted comes too late.
      const { isEnding } = this;
      const isAsAsked = exit === undefined || (isEnding && this.#isAsAsked(exit));
      await this.#retract();
      if (this.#age !== undefined) this.#queue.cancel(this.#age);
      const isAnew = this.#recycling && !isEnding;
      const goesOn = !isAsAsked && !isEnding && (isAnew || this.#options.restart);
      if (!isAsAsked && !(isAnew && this.#isAsAsked(exit)))
        this.#say(`worker (pid ${this.#worker?.pid}) ${explainExit(exit)}`);
      if (isAnew) this.#beginAnew();
      const uid = this.#worker?.uid ?? "";
      const isReplaced = goesOn && (await this.#replace());
      this.#options.recycle?.turns.done(uid); // until then the others have to serve
      if (isAsAsked) return ExitCode.OK;
      if (!goesOn) return statusOf(exit);
      if (!isReplaced) return ExitCode.OK;
    }
  }

  /** Whether it is to end for good. */
  get isEnding(): boolean {
    return this.#ending.signal.aborted;
  }

  /**
   * Has it end in order: retracted first, without new calls, with those under way finished or out of time. Called again,
   * it can only shorten the time.
   *
   * @param graceMs Milliseconds for calls under way; `Infinity` for no limit.
   */
  end(graceMs: number): void {
    this.#endAtMs = Math.min(this.#endAtMs, this.#queue.now() + graceMs);
    if (this.#ending.signal.aborted) {
      if (this.#retired) this.#arm();
      return;
    }
    this.#ending.abort();
    if (this.#recycling) {
      if (this.#retired) this.#arm(); // it ends already, and is not to be started anew
    }
    // One that starts has no calls.
    else if (this.#metadata === undefined) void this.abandon();
    else void this.#retire();
  }

  /** Ends it at once, after the words that it may still have for its callers. Resolves when it has gone. */
  async hurry(): Promise<void> {
    this.#ending.abort();
    this.#cutShort = true;
    await this.#worker?.stop({ killAfter: HURRY_MS });
  }

  /** Ends it without any order. Resolves when it has gone. */
  async abandon(): Promise<void> {
    this.#ending.abort();
    this.#abandoned = true;
    this.#cutShort = true;
    await this.#worker?.stop({ killAfter: 0 });
  }

  #heard(worker: Worker, message: ChildMessage): void {
    if (worker !== this.#worker) return;
    if (message.type === "merino:stopping") this.#heeded = true;
    if (message.type === "merino:worn") this.#worn(worker, message.limit, message.value);
    if (message.type !== "merino:stop-requested") return;
    const { why, graceMs = this.#options.graceMs } = message;
    const limitMs = graceMs ?? Number.POSITIVE_INFINITY;
    if (!this.#ending.signal.aborted) this.#say(describeEnding(why, limitMs));
    this.end(limitMs);
  }

  /** It has reached a limit: it ends in order when it is its turn, and another process takes its place. */
  #worn(worker: Worker, reason: WearReason, value: number): void {
    this.#options.recycle?.turns.request(worker.uid, () => {
      if (worker !== this.#worker || this.isEnding || this.#metadata === undefined) {
        this.#options.recycle?.turns.done(worker.uid);
        return;
      }
      const { graceMs } = this.#options;
      const what = { calls: `${value} calls`, age: `${Math.round(value)} ms`, memory: `${value} bytes` }[
        reason
      ];
      this.#say(
        `worker (pid ${worker.pid}) has reached its limit with ${what}; starting another once it has ended`,
      );
      this.#recycling = true;
      this.#endAtMs = this.#queue.now() + graceMs;
      void this.#retire();
    });
  }

  /** What has been decided of the process that has ended says nothing of the next. */
  #beginAnew(): void {
    if (this.#end !== undefined) this.#queue.cancel(this.#end);
    this.#end = undefined;
    this.#endAtMs = Number.POSITIVE_INFINITY;
    this.#recycling = false;
    this.#retired = false;
    this.#cutShort = false;
    this.#heeded = false;
    this.#isAnew = true;
  }

  /** Whether one that is to end has ended as it was asked to. One that crashes meanwhile has not. */
  #isAsAsked({ exitCode, signal }: WorkerExit): boolean {
    if (this.#abandoned || exitCode === 0) return true;
    // Whoever kills one whose time is over is this side.
    return this.#cutShort && signal === "SIGKILL";
  }

  async #retire(): Promise<void> {
    await this.#retract();
    this.#worker?.notify({ type: "merino:retire" });
    this.#retired = true;
    this.#arm();
  }

  #arm(): void {
    if (this.#cutShort) return;
    if (this.#end !== undefined) this.#queue.cancel(this.#end);
    this.#end = this.#queue.add(this.#endAtMs, () => this.#cut());
  }

  #cut(): void {
    this.#cutShort = true;
    void this.#worker?.stop({ killAfter: LAST_STEPS_MS });
    this.#queue.after(HEED_MS, () => {
      if (!this.#heeded) void this.#worker?.stop({ killAfter: 0 });
    });
  }

  /** Starts another until one comes up. @returns Whether there is one. */
  async #replace(): Promise<boolean> {
    const { signal } = this.#ending;
    if (this.#queue.now() - this.#readyAtMs >= SOUND_MS || this.#isAnew) this.#failures = 0;
    for (;;) {
      if (!this.#isAnew) {
        this.#failures += 1;
        await pause(backoffDelayMs(this.#failures, RESTART), signal, this.#queue);
      }
      this.#isAnew = false;
      if (signal.aborted) return false;
      try {
        await this.start();
        await this.announce();
        return true;
      } catch (error) {
        await this.#worker?.stop({ killAfter: 0 });
        this.#metadata = undefined;
        if (signal.aborted) return false;
        this.#say(`${explainFailure(error)}; trying again`);
      }
    }
  }

  /** Takes its announcement back, or tries for a while. */
  async #retract(): Promise<void> {
    const { publisher } = this.#options;
    const worker = this.#metadata;
    this.#metadata = undefined;
    if (publisher === undefined || worker === undefined) return;
    try {
      await waitAtMost(RETRACT_MS, publisher.publish({ type: "worker-dropped", worker }), this.#queue);
    } catch (error) {
      this.#say(`cannot retract the worker from discovery: ${errorText(error)}`);
    }
  }

  #say(text: string): void {
    say(this.#options.terminal, text);
  }
}

/** Says why a worker, or all of them, ends, and how long that may take. */
export function describeEnding(why: string, graceMs: number): string {
  const limit = graceMs === Number.POSITIVE_INFINITY ? "no limit" : `at most ${graceMs} ms`;
  return `${why}; ending, with ${limit} for calls under way`;
}

/** Explains why a worker could not serve: for a module's own error, with the place in it. */
export function explainFailure(error: unknown): string {
  if (!(error instanceof WorkerStartError)) return `Cannot serve: ${errorText(error)}`;
  // What the worker itself could not do says more than that it could not be started.
  const what = error.message.replace(/^Cannot start a worker: (?=Cannot )/, "");
  const place = error.cause instanceof Error ? placeOf(error.cause) : "";
  return place === "" ? what : `${what}\n${place}`;
}

/** The exit code of a process, as a shell tells it. */
function statusOf({ exitCode, signal }: WorkerExit): number {
  if (exitCode !== undefined) return exitCode;
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
