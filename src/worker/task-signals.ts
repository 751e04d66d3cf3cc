/**
 * The signals of one task: the one that tells its body to end, with the calls that it waits for and that end with it, and
 * the one that tells that its worker drains. Their listeners are code of the task. Once a signal has fired it stays so, and
 * every call attached by then has been ended. Those among the arguments are in `argument-signals.ts`.
 */
import type { Abortable } from "../context/task.ts";
import { abortReason } from "../internal/abort-reason.ts";

/** Why a task's signal has fired. */
export interface Cancellation {
  readonly reason: unknown;
}

/** A task as its signals see it. */
export interface SignalledTask {
  /** Runs a function of its body in its scope. */
  run<A, R>(fn: (argument: A) => R, argument: A): R;
}

/** Made when somebody first asks for one of them, or one is to fire. */
export class TaskSignals {
  readonly #task: SignalledTask;
  /** Present once somebody has asked for the signal. */
  #controller: AbortController | undefined;
  #drainController: AbortController | undefined;
  #cancellation: Cancellation | undefined;
  /** The signal has fired, or would have if anybody had asked for it. */
  #fired: Cancellation | undefined;
  #children: Set<Abortable> | undefined;

  constructor(task: SignalledTask) {
    this.#task = task;
  }

  /** Why the task has been cancelled, if it has. */
  get cancellation(): Cancellation | undefined {
    return this.#cancellation;
  }

  /** Tells the body to end. */
  get signal(): AbortSignal {
    if (this.#controller === undefined) {
      this.#controller = new AbortController();
      if (this.#fired !== undefined) this.#controller.abort(this.#fired.reason);
    }
    return this.#controller.signal;
  }

  /** Tells that the worker has begun to end. */
  get draining(): AbortSignal {
    this.#drainController ??= new AbortController();
    return this.#drainController.signal;
  }

  /** The worker has begun to end. */
  workerDrains(): void {
    if (this.#drainController !== undefined) {
      this.#abort(this.#drainController, abortReason("The worker is shutting down"));
    }
  }

  attach(child: Abortable): void {
    this.#children ??= new Set();
    this.#children.add(child);
  }

  detach(child: Abortable): void {
    this.#children?.delete(child);
  }

  /** Fires the signal and ends the calls that the task waits for. The first reason stays. */
  fire(reason: unknown): void {
    this.#fired ??= { reason };
    if (this.#controller !== undefined) this.#abort(this.#controller, reason);
    const children = this.#children;
    if (children === undefined) return;
    this.#children = undefined;
    for (const child of children) child.abort(reason);
  }

  /** As `fire`, and final: the task is to end with this reason. */
  cancel(reason: unknown): void {
    this.#cancellation = { reason };
    this.fire(reason);
  }

  /** Whether this is the reason with which the signal has fired. */
  isReason(error: unknown): boolean {
    return this.#fired !== undefined && this.#fired.reason === error;
  }

  #abort(controller: AbortController, reason: unknown): void {
    if (!controller.signal.aborted) this.#task.run(() => controller.abort(reason), undefined);
  }
}
