/** The execution of a routine that answers once: its one step is the body. */
import { isThenable } from "../internal/is-thenable.ts";
import { Execution } from "./execution.ts";

/** A function's task, accepted. */
export class FunctionExecution extends Execution {
  /** The step was asked for before it could be taken. */
  #asked = false;

  next(): void {
    this.#ask();
  }

  send(): void {
    this.#ask();
  }

  throw(): void {
    this.#ask();
  }

  return(): void {
    this.#ask();
  }

  credit(): void {
    // A function never runs ahead of its caller.
  }

  runInside(): void {
    this.start();
  }

  protected opened(stepImplied: boolean): void {
    if (stepImplied || this.#asked) this.enqueue();
  }

  protected returned(outcome: unknown): void {
    this.noteBodyTime();
    if (isThenable(outcome)) {
      Promise.resolve(outcome).then(
        (value: unknown) => this.finish(value),
        (error: unknown) => this.fail(error),
      );
      this.host.suspended(this);
    } else {
      this.finish(outcome);
    }
  }

  protected cancelRequested(): void {
    // The signal has fired; the rest is up to the body.
  }

  protected abandoned(): void {
    // As above.
  }

  protected released(): void {
    // It keeps nothing beside its arguments.
  }

  /** There is only one step: a request for another one means nothing. */
  #ask(): void {
    if (this.phase !== "ready") return;
    if (this.begun) this.enqueue();
    else this.#asked = true;
  }
}
