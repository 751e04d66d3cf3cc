/**
 * One value of a worker: absent, being made, or made. Whoever asks for it while it is being made waits for the same
 * attempt. What a failed attempt leaves is a pause before the next one, and a value that comes too late is disposed of.
 */
import { AsyncResource } from "node:async_hooks";
import { currentScope, type Maker, runInScope } from "../context/scope.ts";
import { rootBranch } from "../context/variables/current-branch.ts";
import { WorkerStateError } from "../errors/worker-state-error.ts";
import { abortReason } from "../internal/abort-reason.ts";
import { createDeferred, type Deferred } from "../internal/deferred.ts";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { unwatchSignal, watchSignal } from "../internal/signal-watch.ts";
import { type BackoffPolicy, backoffDelayMs } from "../internal/time/backoff.ts";
import { type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";
import { pause } from "../internal/time/wait.ts";
import { lifeEnds, noteMade, noteMaking, undoOne } from "./life.ts";
import { type WorkerSelf, workerSelf } from "./worker-self.ts";

/** What the function that makes a value gets. */
export interface MakeContext {
  /** Fires when the value is not wanted any more: its time is over, or the worker ends. */
  readonly signal: AbortSignal;
  /** The worker that it is for; undefined in a program. */
  readonly worker: WorkerSelf | undefined;
}

/** How a value is made. */
export interface WorkerValueOptions<T> {
  /** Identity. */
  readonly id: string;
  readonly make: (context: MakeContext) => T | PromiseLike<T>;
  readonly dispose: ((value: T) => unknown) | undefined;
  readonly timeoutMs: number;
  /** Where time comes from; the shared one unless a test gives another. */
  readonly queue?: DeadlineQueue | undefined;
}

interface MakingState<T> {
  readonly kind: "making";
  /** Attempts before this one that have failed, one after the other. */
  readonly failures: number;
  readonly outcome: Deferred<T>;
  readonly controller: AbortController;
}

type ValueState<T> =
  /** The next attempt may begin at this time of the queue. */
  | { readonly kind: "absent"; readonly failures: number; readonly dueMs: number }
  | MakingState<T>
  | { readonly kind: "made"; readonly value: T; readonly promise: Promise<T>; readonly forget: () => void };

/** The pause after a failed attempt: what has failed may be a service that is restarted. */
const RETRY: BackoffPolicy = { baseMs: 100, factor: 2, maxMs: 30_000, jitter: 0.2 };

/** Has the stores of no task: the library is loaded before there is one. */
const OUTSIDE = new AsyncResource("MERINO_WORKER_VALUE");

const NEVER_TRIED = { kind: "absent", failures: 0, dueMs: 0 } as const;

/** One value. */
export class WorkerValue<T> implements Maker {
  readonly id: string;
  readonly waitsFor: Set<Maker> = new Set();
  readonly #options: WorkerValueOptions<T>;
  readonly #queue: DeadlineQueue;
  #state: ValueState<T> = NEVER_TRIED;
  /** The end of the value before this one, for which making this one waits. */
  #dropping: Promise<void> | undefined;
  #before: { drop(): Promise<void> } | undefined;

  constructor(options: WorkerValueOptions<T>) {
    this.id = options.id;
    this.#options = options;
    this.#queue = options.queue ?? deadlines;
  }

  /** Disposes of what an earlier evaluation of the module has declared in its place, before this one is made. */
  replace(before: { drop(): Promise<void> }): void {
    this.#before = before;
  }

  /**
   * The value, which is made if it is absent.
   *
   * @throws What `make` throws; {@link WorkerStateError} if it cannot be had otherwise; the reason of the running task's
   *   signal, if that fires while the value is being made.
   */
  get(): Promise<T> {
    const state = this.#state;
    if (state.kind === "made") return state.promise;
    const scope = currentScope();
    const asking = scope?.maker;
    const cycle = asking && (asking !== this || state.kind === "making") ? pathTo(asking, this) : undefined;
    if (cycle !== undefined) return Promise.reject(this.#failure(explainCycle(cycle), "cycle"));
    if (lifeEnds()) return Promise.reject(this.#failure("the worker is ending", "ended"));
    const { outcome } = state.kind === "making" ? state : this.#begin(state);
    if (asking !== undefined) return awaitedBy(asking, this, outcome.promise);
    const signal = scope?.task?.signal;
    return signal === undefined ? outcome.promise : untilAborted(signal, outcome.promise);
  }

  /** Disposes of it, or gives up making it. It can be had again. Never rejects. */
  drop(): Promise<void> {
    const state = this.#state;
    if (state.kind === "making")
      this.#giveUp(state, this.#failure("it was disposed of meanwhile", "ended"), abortReason("Not wanted"));
    if (state.kind === "made") {
      state.forget();
      this.#state = NEVER_TRIED;
      this.#dropping = this.#dispose(state.value);
    }
    return this.#dropping ?? Promise.resolve();
  }

  #begin({ failures, dueMs }: { readonly failures: number; readonly dueMs: number }): MakingState<T> {
    const state: MakingState<T> = {
      kind: "making",
      failures,
      outcome: createDeferred<T>(),
      controller: new AbortController(),
    };
    state.outcome.promise.catch(() => {}); // those who wait see it; all of them may have gone
    this.#state = state;
    noteMaking({
      abort: (reason) => this.#giveUp(state, this.#failure("the worker is ending", "ended"), reason),
      over: this.#make(state, dueMs - this.#queue.now()),
    });
    return state;
  }

  /** Never rejects. */
  async #make(state: MakingState<T>, delayMs: number): Promise<void> {
    const { signal } = state.controller;
    const { make, timeoutMs } = this.#options;
    await this.#pause(delayMs, signal);
    await this.#before?.drop();
    this.#before = undefined;
    await this.#dropping;
    if (this.#state !== state) return;
    const late = this.#queue.after(timeoutMs, () =>
      this.#giveUp(state, this.#failure(`it has not been made within ${timeoutMs} ms`, "timeout")),
    );
    const scope = { task: undefined, dispatcher: undefined, callOptions: undefined, maker: this };
    try {
      const context: MakeContext = { signal, worker: workerSelf() };
      // Outside of the task that happens to be the first to ask, and of its stores: it is for all of them.
      const value = await OUTSIDE.runInAsyncScope(() =>
        runInScope({ ...scope, branch: rootBranch() }, async () => await make(context)),
      );
      if (this.#state === state) this.#keep(state, value);
      else await this.#dispose(value);
    } catch (error) {
      this.#giveUp(state, error);
    } finally {
      this.#queue.cancel(late);
    }
  }

  #keep({ outcome }: MakingState<T>, value: T): void {
    const forget = noteMade({
      what: `Disposing of '${this.id}'`,
      undo: () => {
        this.#state = NEVER_TRIED;
        return this.#options.dispose?.(value);
      },
    });
    this.#state = { kind: "made", value, promise: outcome.promise, forget };
    outcome.resolve(value);
  }

  /** @param reason That of the signal. Default: the error. */
  #giveUp(state: MakingState<T>, error: unknown, reason: unknown = error): void {
    if (this.#state !== state) return;
    const failures = state.failures + 1;
    this.#state = { kind: "absent", failures, dueMs: this.#queue.now() + backoffDelayMs(failures, RETRY) };
    state.controller.abort(reason);
    state.outcome.reject(error);
  }

  async #pause(delayMs: number, signal: AbortSignal): Promise<void> {
    if (delayMs <= 0) return;
    keepAlive(); // somebody waits for it
    await pause(delayMs, signal, this.#queue);
    letExit();
  }

  #dispose(value: T): Promise<void> {
    const { dispose } = this.#options;
    return undoOne({ what: `Disposing of '${this.id}'`, undo: () => dispose?.(value) });
  }

  #failure(why: string, reason: WorkerStateError["reason"]): WorkerStateError {
    return new WorkerStateError(why, this.id, reason);
  }
}

/** How one waits for the other already, over which others: from the one that is asked for to the one that asks. */
function pathTo(asking: Maker, asked: Maker, before: readonly Maker[] = []): readonly Maker[] | undefined {
  const path = [...before, asked];
  if (asked === asking) return path;
  for (const next of asked.waitsFor) {
    const found = before.includes(next) ? undefined : pathTo(asking, next, path);
    if (found !== undefined) return found;
  }
  return undefined;
}

function explainCycle(path: readonly Maker[]): string {
  const [first, ...others] = path.map(({ id }) => `'${id}'`);
  return others.length === 0
    ? "the function that makes it waits for it"
    : `making ${others.at(-1)} waits for ${[first, ...others].join(", which waits for ")}`;
}

/** Notes, while it lasts, that making one value waits for another. */
async function awaitedBy<T>(asking: Maker, asked: Maker, promise: Promise<T>): Promise<T> {
  asking.waitsFor.add(asked);
  try {
    return await promise;
  } finally {
    asking.waitsFor.delete(asked);
  }
}

function untilAborted<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  if (signal.aborted) return Promise.reject(signal.reason);
  return new Promise((resolve, reject) => {
    const target = { abort: reject };
    watchSignal(signal, target);
    promise.then(resolve, reject).finally(() => unwatchSignal(signal, target));
  });
}
