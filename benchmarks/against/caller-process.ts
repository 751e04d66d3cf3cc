/**
 * One side of the calls' comparison: `program/caller.mjs` in the folder of a build, which opens pools there and
 * does one workload at a time on request. This file owns the process; what it measures is not known here.
 */
import { type ChildProcess, fork } from "node:child_process";
import { join } from "node:path";
import { BenchmarkError } from "../support/benchmark-error.ts";
import type { Build } from "./build.ts";
import { WorkloadError } from "./suite.ts";

/** What a workload is asked to do. The program takes it from there. */
export interface WorkloadRequest {
  readonly workload: string;
  /** Name of the pool that makes the calls. */
  readonly carrier: string;
  /** Milliseconds that it should take, roughly. */
  readonly durationMs: number;
}

/** What the program found. */
export interface Measurement {
  /** How many calls, items or bodies. */
  readonly count: number;
  readonly elapsedMs: number;
  /** How long it would have taken on workers that lose no time; only for CPU-bound jobs. */
  readonly idealMs?: number;
  /** CPU time of the caller, and of its workers together. */
  readonly callerCpuUs?: number;
  readonly workersCpuUs?: number;
  /** Of every single call. */
  readonly timesUs?: Float64Array;
}

type Reply = { readonly ready: true } | { readonly measurement: Measurement } | { readonly error: string };

/** For what is asked, beyond the time that it should take: a loaded machine is slow, a hanging call is not. */
const ANSWER_TIMEOUT_MS = 60_000;
const CLOSE_TIMEOUT_MS = 10_000;

interface Waiting {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: unknown) => void;
}

export class CallerProcess {
  readonly #child: ChildProcess;
  readonly #signal: AbortSignal;
  readonly #abort = (): void => this.#waiting?.reject(this.#signal.reason);
  #waiting: Waiting | undefined;

  private constructor({ folder }: Build, signal: AbortSignal) {
    const { NODE_OPTIONS: _, ...env } = process.env;
    this.#signal = signal;
    this.#child = fork(join(folder, "benchmarks/against/program/caller.mjs"), {
      cwd: folder,
      env,
      execArgv: [],
      // Carries the times of single calls as they are.
      serialization: "advanced",
      // Standard output is for the result.
      stdio: ["ignore", 2, 2, "ipc"],
    });
    this.#child.on("message", (reply) => this.#waiting?.resolve(reply as Reply)); // the program's promise
    this.#child.on("error", (error) => this.#waiting?.reject(error));
    this.#child.on("exit", (code, name) =>
      this.#fail(`The process that makes the calls of '${folder}' ended with ${name ?? `exit code ${code}`}`),
    );
    signal.addEventListener("abort", this.#abort);
  }

  /** @throws BenchmarkError if the program ends before it is ready: its reasons are on standard error. */
  static async start(build: Build, signal: AbortSignal): Promise<CallerProcess> {
    const caller = new CallerProcess(build, signal);
    try {
      await caller.#answer(ANSWER_TIMEOUT_MS);
    } catch (error) {
      await caller[Symbol.asyncDispose]();
      throw error;
    }
    return caller;
  }

  /**
   * @throws WorkloadError with the program's reason if it cannot do this.
   * @throws BenchmarkError if the program does not answer any more.
   */
  async measure(request: WorkloadRequest): Promise<Measurement> {
    const answer = this.#answer(request.durationMs + ANSWER_TIMEOUT_MS);
    this.#child.send(request);
    const reply = await answer;
    if ("measurement" in reply) return reply.measurement;
    throw new WorkloadError("error" in reply ? reply.error : "the program began anew");
  }

  /** Lets the program close its pools and end; one that does not is killed, and its workers end without it. */
  async [Symbol.asyncDispose](): Promise<void> {
    const child = this.#child;
    this.#signal.removeEventListener("abort", this.#abort);
    if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    // Not `once`: an error of the channel, which the process may have closed first, is no reason not to wait.
    const exited = new Promise((resolve) => child.once("exit", resolve));
    const timer = setTimeout(() => child.kill("SIGKILL"), CLOSE_TIMEOUT_MS);
    if (this.#signal.aborted) child.disconnect();
    else child.send("close");
    await exited;
    clearTimeout(timer);
  }

  async #answer(timeoutMs: number): Promise<Reply> {
    this.#signal.throwIfAborted();
    const late = setTimeout(
      () => this.#fail(`A call did not end within ${timeoutMs} ms of when it should have`),
      timeoutMs,
    );
    try {
      return await new Promise<Reply>((resolve, reject) => {
        this.#waiting = { resolve, reject };
      });
    } finally {
      clearTimeout(late);
      this.#waiting = undefined;
    }
  }

  #fail(why: string): void {
    this.#waiting?.reject(new BenchmarkError(why));
  }
}
