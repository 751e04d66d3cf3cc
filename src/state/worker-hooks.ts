/**
 * `onWorkerStart()` and `onWorkerStop()`: functions that a module has run in workers and nowhere else. Those for the start
 * belong to the import of their module: its routines wait for them. Those for the end are undone like what was made.
 */
import { runInScope } from "../context/scope.ts";
import { rootBranch } from "../context/variables/current-branch.ts";
import { InvalidOptionError } from "../errors/invalid-option-error.ts";
import { declarationSite } from "../identity/call-site.ts";
import { processWide } from "../internal/process-wide.ts";
import { enterLocalPool, isAlive, leaveLocalPool, noteMade } from "./life.ts";
import { type WorkerSelf, workerSelf } from "./worker-self.ts";

/** A function that is run in a worker; it gets undefined in a program whose pool has no workers. */
export type WorkerHook = (worker: WorkerSelf | undefined) => unknown;

interface Hook {
  readonly event: "start" | "stop";
  readonly fn: WorkerHook;
  readonly module: string;
  /** Which evaluation of the module has declared it. */
  readonly order: number;
  begun: boolean;
}

interface Hooks {
  declared: Hook[];
  /** Those of the start that have not ended, or have failed. */
  readonly unfinished: Set<Promise<void>>;
  /** A pool without workers is closing. */
  ending: Promise<void> | undefined;
}

const hooks = processWide(
  "state.hooks",
  (): Hooks => ({ declared: [], unfinished: new Set(), ending: undefined }),
);

/**
 * Runs a function in each worker that imports the calling module, once, before routines of the module run there. If it
 * fails, so has the import. It does not run in the program, unless that has a pool with `local: true`: then as it opens.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) if `fn` is not a function.
 * @example
 * onWorkerStart((worker) => {
 *   process.title = `worker ${worker?.uid}`;
 * });
 */
export function onWorkerStart(fn: WorkerHook): void {
  declare("start", fn, onWorkerStart);
}

/**
 * Runs a function in each worker that has imported the calling module, when that ends in order, after its calls have
 * ended. Functions and values of `perWorker()` come in reverse order of their beginning, and have two seconds altogether.
 * It does not run in the program, unless that has a pool with `local: true`: then as it closes.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, fault: caller) if `fn` is not a function.
 * @example
 * onWorkerStop(() => console.log("done"));
 */
export function onWorkerStop(fn: WorkerHook): void {
  declare("stop", fn, onWorkerStop);
}

/** Resolves when the functions for the start have run, and rejects as one has; undefined if there are none. */
export function startHooksRun(): Promise<unknown> | undefined {
  return hooks.unfinished.size === 0 ? undefined : Promise.all(hooks.unfinished);
}

/** A pool without workers is opened. @throws What a function for the start has thrown. */
export async function beginLocalLife(): Promise<void> {
  while (hooks.ending !== undefined) await hooks.ending; // one after the other
  enterLocalPool();
  for (const hook of hooks.declared) if (!hook.begun) begin(hook);
  await startHooksRun();
}

/** It is closed. Never rejects. */
export function endLocalLife(): Promise<void> {
  const ending = leaveLocalPool().then(() => {
    if (hooks.ending === ending) hooks.ending = undefined;
    if (isAlive()) return;
    hooks.unfinished.clear();
    for (const hook of hooks.declared) hook.begun = false;
  });
  hooks.ending = ending;
  return ending;
}

function declare(event: Hook["event"], fn: WorkerHook, below: (fn: WorkerHook) => void): void {
  if (typeof fn !== "function") throw new InvalidOptionError("fn", { value: fn, expected: "a function" });
  const { module, evaluation } = declarationSite(below);
  const hook: Hook = { event, fn, module, order: evaluation.order, begun: false };
  // A module that is evaluated again declares its own anew.
  const isOld = (other: Hook): boolean => other.module === module && other.order < hook.order;
  hooks.declared = [...hooks.declared.filter((other) => !isOld(other)), hook];
  if (isAlive()) begin(hook);
}

function begin(hook: Hook): void {
  hook.begun = true;
  const run = (): unknown => hook.fn(workerSelf());
  if (hook.event === "stop") {
    noteMade({ what: `The function that onWorkerStop() was given in '${hook.module}'`, undo: run });
    return;
  }
  const scope = { task: undefined, dispatcher: undefined, callOptions: undefined, branch: rootBranch() };
  // What stands below the declaration, in the module, has been evaluated by then.
  const running = Promise.resolve().then(async () => void (await runInScope(scope, run)));
  hooks.unfinished.add(running);
  running.then(
    () => hooks.unfinished.delete(running),
    () => {}, // whoever needs it is told
  );
}
