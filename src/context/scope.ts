/**
 * The scope of a call: the running task and the pool that calls go to. Held in one
 * `AsyncLocalStorage` for the whole process, shared by all copies of the package.
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { processWide } from "../internal/process-wide.ts";
import type { TraceContext } from "../telemetry/trace-context.ts";
import type { Dispatcher, IdempotentCallOptions } from "./dispatcher.ts";
import type { RunningTask, Task } from "./task.ts";
import type { Branch } from "./variables/branch.ts";

/** Something that is being made for the worker, and waits for others meanwhile; see `state/worker-value.ts`. */
export interface Maker {
  readonly id: string;
  readonly waitsFor: Set<Maker>;
}

/** The surroundings of a piece of running code. */
export interface Scope {
  readonly task: RunningTask | undefined;
  /** The dispatcher for calls made here. */
  readonly dispatcher: Dispatcher | undefined;
  /** The branch that its variables belong to. */
  readonly branch: Branch;
  /** The options of calls made here, of the blocks around them. */
  readonly callOptions: IdempotentCallOptions | undefined;
  /** The trace context of calls made here, where nobody records them. */
  readonly traceContext?: TraceContext | undefined;
  /** What the code makes; absent if it is not for that. */
  readonly maker?: Maker | undefined;
}

interface ScopeState {
  readonly storage: AsyncLocalStorage<Scope>;
  /** Dispatchers of the ambient pools, the most recently opened last. */
  readonly ambient: Dispatcher[];
  /** Ambient pools whose opening is under way. */
  opening: number;
  /** Whether the program has context variables, or stores that travel. */
  hasContext: boolean;
}

const state = processWide(
  "context.scope",
  (): ScopeState => ({ storage: new AsyncLocalStorage<Scope>(), ambient: [], opening: 0, hasContext: false }),
);

/** Returns the scope of the running code, or `undefined` outside any. */
export function currentScope(): Scope | undefined {
  return state.storage.getStore();
}

/** Runs `fn` in the scope; everything asynchronous that it starts stays in it. */
export function runInScope<T>(scope: Scope, fn: () => T): T {
  return state.storage.run(scope, fn);
}

/** Runs `fn` outside any scope, for example to open a connection that outlives the task which needs it first. */
export function runOutsideScope<T>(fn: () => T): T {
  return state.storage.exit(fn);
}

/** The process's storage, for callers that must not allocate a closure per call. */
export const scopeStorage: AsyncLocalStorage<Scope> = state.storage;

/** Notes that the program has context variables, or stores that travel: calls look for them from now on. */
export function noteContext(): void {
  state.hasContext = true;
}

/** Whether it has. */
export function hasContext(): boolean {
  return state.hasContext;
}

/** Makes a pool the one that calls go to by default. */
export function pushAmbient(dispatcher: Dispatcher): void {
  state.ambient.push(dispatcher);
}

/** Notes that a pool is being opened, which calls do not wait for. @returns A function that ends it, to be called once. */
export function noteOpening(): () => void {
  state.opening += 1;
  return () => {
    state.opening -= 1;
  };
}

/** Whether a pool is being opened that will be ambient. */
export function isPoolOpening(): boolean {
  return state.opening > 0;
}

/** Removes a pool; calls go to the one opened before it again. */
export function removeAmbient(dispatcher: Dispatcher): void {
  const index = state.ambient.lastIndexOf(dispatcher);
  if (index !== -1) state.ambient.splice(index, 1);
}

/** The most recently opened ambient pool's dispatcher. */
export function ambientDispatcher(): Dispatcher | undefined {
  return state.ambient[state.ambient.length - 1];
}

/**
 * Returns the task that the running code belongs to, or `undefined` outside a routine's body.
 *
 * @example
 * const add = routine(async function add(x: number, y: number) {
 *   currentTask()?.signal.throwIfAborted();
 *   return x + y;
 * });
 */
export function currentTask(): Task | undefined {
  return state.storage.getStore()?.task;
}
