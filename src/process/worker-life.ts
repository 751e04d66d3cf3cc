/**
 * The life of a worker that this process has started, whatever it runs in: created, starting, ready, gone. It keeps the
 * time of the start, ends the worker by degrees, passes on its credentials, and settles what others wait for. What the
 * worker runs in is started by its maker (`process-worker.ts`, `thread/thread-worker.ts`). An idle worker never keeps
 * this process alive, and a worker whose start failed has gone when `start()` rejects.
 */
import type { Trust, TrustMaterial } from "../credentials/trust.ts";
import { CredentialsError } from "../errors/credentials-error.ts";
import { WorkerStartError } from "../errors/worker-start-error.ts";
import { createDeferred } from "../internal/deferred.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { deadlines } from "../internal/time/deadline-queue.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";
import { explainExit } from "./exit-explanation.ts";
import { StopLadder } from "./stop-ladder.ts";
import type { ChildMessage, ErrorText, ParentMessage, WorkerExit } from "./worker.ts";

/** How long a worker that reported its own failure may take to end by itself. */
const FAREWELL_MS = 1_000;

/** Classes of which the error behind a failed start may be. */
const CAUSE_CLASSES: readonly ErrorConstructor[] = [
  TypeError,
  RangeError,
  SyntaxError,
  ReferenceError,
  URIError,
  EvalError,
];

const NEVER_STARTED: WorkerExit = { exitCode: undefined, signal: undefined, stderr: "" };

/** What a worker runs in, from when it has been started. */
export interface WorkerVessel {
  /** Process in which it runs; undefined if it could not be started. */
  readonly pid: number | undefined;
  /** Sends a message, if it has not gone. */
  send(message: ParentMessage): void;
  /** Ends it at once. It may have gone. */
  kill(): void;
}

/** Events of what a worker runs in, for its life. */
export interface VesselEvents {
  message(message: ChildMessage): void;
  /** It has ended; what it wrote is still being read. */
  ended(): void;
  /** The last event: it has ended, and everything has been read. */
  gone(exit: WorkerExit): void;
  /** The last event: it could not be started. */
  unstarted(error: unknown): void;
}

/** Parts and settings of a worker's life. */
export interface WorkerLifeOptions {
  readonly uid: string;
  readonly startTimeoutMs: number;
  /** Whose factory takes another time, for the message that says so. */
  readonly maker: "ProcessWorker" | "ThreadWorker";
  readonly trust: Trust | undefined;
  /** @throws {@link CredentialsError} if the worker could not use these. */
  assertUsable?(material: TrustMaterial): void;
  /** Gets ready to start it. */
  prepare(): Promise<(events: VesselEvents) => WorkerVessel>;
  /** Says why it could not be started: a clause about the worker. */
  explainUnstarted(error: unknown): string;
}

/** One worker, from before its start to its end. */
export class WorkerLife {
  readonly exited: Promise<WorkerExit>;
  /** Called for each message other than those of its life. */
  onMessage: ((message: ChildMessage) => void) | undefined = undefined;
  readonly #options: WorkerLifeOptions;
  readonly #exit = createDeferred<WorkerExit>();
  /** Undefined if the worker has gone without having become ready. */
  readonly #readiness = createDeferred<WorkerMetadata | undefined>();
  readonly #ladder: StopLadder;
  /** Passes on credentials that take the place of others. */
  #following: Disposable | undefined;
  #phase: "created" | "starting" | "ready" | "gone" = "created";
  #vessel: WorkerVessel | undefined;
  /** Why the start fails, once that is decided; the end follows. */
  #startFailure: string | undefined;
  /** The error behind it, as the worker tells. */
  #startCause: ErrorText | undefined;
  #starting: Promise<WorkerMetadata> | undefined;
  #stopping: Promise<WorkerExit> | undefined;

  constructor(options: WorkerLifeOptions) {
    this.#options = options;
    this.exited = this.#exit.promise;
    this.#ladder = new StopLadder({
      ask: () => this.notify({ type: "merino:stop" }),
      kill: () => this.#vessel?.kill(),
    });
  }

  /** Whether it serves. */
  get ready(): boolean {
    return this.#phase === "ready";
  }

  /** Whether it has been told to stop. */
  get stopping(): boolean {
    return this.#stopping !== undefined;
  }

  /** As `Worker` says. */
  get pid(): number | undefined {
    return this.#vessel?.pid;
  }

  /** As `Worker` says. */
  start(): Promise<WorkerMetadata> {
    this.#starting ??= this.#start();
    return this.#starting;
  }

  /** As `Worker` says. */
  stop(options: { readonly killAfter: number }): Promise<WorkerExit> {
    if (this.#phase === "created") this.#gone(NEVER_STARTED);
    // A worker that is not ready has run nothing yet that could need to finish.
    const killAfter = this.#phase === "starting" ? 0 : options.killAfter;
    if (this.#phase === "starting") this.#startFailure ??= "it was stopped before it was ready";
    if (this.#vessel !== undefined && this.#phase !== "gone") this.#ladder.climb(killAfter);
    this.#stopping ??= this.#awaitExit();
    return this.#stopping;
  }

  /** As `Worker` says. */
  notify(message: ParentMessage): void {
    this.#vessel?.send(message);
  }

  async #awaitExit(): Promise<WorkerExit> {
    keepAlive();
    try {
      return await this.exited;
    } finally {
      letExit();
    }
  }

  async #start(): Promise<WorkerMetadata> {
    if (this.#phase !== "created") throw new WorkerStartError("it was stopped before it was started");
    this.#phase = "starting";
    const { startTimeoutMs: timeoutMs, maker } = this.#options;
    const timeout = deadlines.after(timeoutMs, () => {
      this.#startFailure ??= `it was not ready within ${timeoutMs} ms; a pool's quorumTimeout bounds the start of its workers too, and ${maker}.factory({ startTimeout }) gives them longer`;
      this.#ladder.climb(0);
    });
    keepAlive();
    try {
      await this.#launch();
      const metadata = await this.#readiness.promise;
      if (metadata !== undefined) return metadata;
      const exit = await this.exited;
      const why = this.#startFailure ?? `it ${explainExit(exit)} before it was ready`;
      const cause = this.#startCause === undefined ? undefined : { cause: rebuilt(this.#startCause) };
      throw new WorkerStartError(why, exit, cause);
    } finally {
      deadlines.cancel(timeout);
      letExit();
    }
  }

  async #launch(): Promise<void> {
    try {
      const [start, material] = await Promise.all([this.#options.prepare(), this.#usableMaterial()]);
      // Stopped, or out of time, meanwhile.
      if (this.#startFailure !== undefined) return this.#gone(NEVER_STARTED);
      this.#vessel = start({
        message: (message) => this.#receive(message),
        ended: () => this.#ladder.end(),
        gone: (exit) => this.#gone(exit),
        unstarted: (error) => this.#unstarted(error),
      });
      if (material !== undefined) this.#passTrust(material);
    } catch (error) {
      this.#unstarted(error);
    }
  }

  /** @throws {@link CredentialsError} if the worker could not use its credentials. */
  async #usableMaterial(): Promise<TrustMaterial | undefined> {
    const material = await this.#options.trust?.current();
    if (material !== undefined) this.#options.assertUsable?.(material);
    return material;
  }

  /** As messages alone: what is in an environment or an argument, others of this host can read. */
  #passTrust(material: TrustMaterial): void {
    const { trust } = this.#options;
    if (trust === undefined) return;
    const pass = (newest: TrustMaterial): void =>
      this.notify({ type: "merino:trust", trust: { policy: trust.policy, material: newest } });
    pass(material);
    this.#following = trust.follow(pass);
  }

  #receive(message: ChildMessage): void {
    switch (message.type) {
      case "merino:ready":
        if (this.#phase !== "starting" || this.#startFailure !== undefined) return;
        this.#phase = "ready";
        this.#readiness.resolve(message.metadata);
        return;
      case "merino:failed":
        if (this.#phase !== "starting") return;
        this.#startFailure ??= message.error;
        this.#startCause = message.cause;
        this.#ladder.climb(FAREWELL_MS);
        return;
      default:
        this.onMessage?.(message);
    }
  }

  #unstarted(error: unknown): void {
    this.#startFailure ??=
      error instanceof CredentialsError ? error.message : this.#options.explainUnstarted(error);
    this.#gone(NEVER_STARTED);
  }

  #gone(exit: WorkerExit): void {
    this.#phase = "gone";
    this.#following?.[Symbol.dispose]();
    this.#exit.resolve(exit);
    this.#readiness.resolve(undefined);
  }
}

/** Of the class that bears its name, if that is one of the language. */
function rebuilt({ name, message, stack }: ErrorText): Error {
  const error = new (CAUSE_CLASSES.find((known) => known.name === name) ?? Error)(message);
  for (const [key, value] of Object.entries({ name, stack })) {
    Object.defineProperty(error, key, { value, writable: true, configurable: true });
  }
  return error;
}
