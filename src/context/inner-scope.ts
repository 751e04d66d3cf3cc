/** A scope inside another one, from which it differs in some respects. */
import type { TraceContext } from "../telemetry/trace-context.ts";
import type { CallOptions, Dispatcher } from "./dispatcher.ts";
import { currentScope, type Maker, runInScope, type Scope } from "./scope.ts";
import type { RunningTask } from "./task.ts";
import type { Branch } from "./variables/branch.ts";
import { rootBranch } from "./variables/current-branch.ts";

/** In what it differs; what is absent is as around it. */
export type ScopeChanges = Partial<Pick<Scope, "branch" | "dispatcher" | "callOptions" | "traceContext">>;

/**
 * Runs a function in a scope that differs from the present one; everything asynchronous that it starts stays in it.
 *
 * @returns What the function returns.
 */
export function runInInnerScope<R>(changes: ScopeChanges, fn: () => R): R {
  return runInScope(new InnerScope(currentScope(), changes), fn);
}

class InnerScope implements Scope {
  readonly #around: Scope | undefined;
  readonly #changes: ScopeChanges;

  constructor(around: Scope | undefined, changes: ScopeChanges) {
    this.#around = around;
    this.#changes = changes;
  }

  get task(): RunningTask | undefined {
    return this.#around?.task;
  }

  get dispatcher(): Dispatcher | undefined {
    return this.#changes.dispatcher ?? this.#around?.dispatcher;
  }

  get branch(): Branch {
    return this.#changes.branch ?? this.#around?.branch ?? rootBranch();
  }

  get callOptions(): CallOptions | undefined {
    return this.#changes.callOptions ?? this.#around?.callOptions;
  }

  get traceContext(): TraceContext | undefined {
    return this.#changes.traceContext ?? this.#around?.traceContext;
  }

  get maker(): Maker | undefined {
    return this.#around?.maker;
  }
}
