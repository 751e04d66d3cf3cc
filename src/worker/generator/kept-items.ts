/**
 * The items of a generator for somebody else than its caller: each that is asked for is a step of the body, as one of the
 * caller's would be. How the generator has ended, whoever reads is told once.
 */
import { ArrayQueue } from "../../internal/array-queue.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import type { Step } from "./generator-step.ts";

/** How the generator has ended. */
export type KeptEnd = { readonly value: unknown } | { readonly error: unknown };

const NEXT: Step = { kind: "next", isTaken: true };
const RETURN: Step = { kind: "return", value: undefined, isTaken: true };

/** The generator as its execution has it. */
export interface Stepped {
  /** Takes the step when its turn comes. */
  ask(step: Step): void;
  /** As `ask`, for one that ends it: a step under way is to come to its end soon. */
  close(step: Step): void;
}

/** Of one generator. */
export class KeptItems implements AsyncIterableIterator<unknown> {
  readonly #generator: Stepped;
  /** Those who wait, in the order of their steps. */
  readonly #waiting = new ArrayQueue<Deferred<IteratorResult<unknown>>>();
  #end: KeptEnd | undefined;

  constructor(generator: Stepped) {
    this.#generator = generator;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<unknown>> {
    return this.#wait(NEXT);
  }

  return(): Promise<IteratorResult<unknown>> {
    return this.#wait(RETURN);
  }

  /** The oldest step has brought a value. */
  yielded(value: unknown): void {
    this.#waiting.shift()?.resolve({ value, done: false });
  }

  /** The generator has ended: nothing more comes. Only the first end counts. */
  ended(end: KeptEnd): void {
    if (this.#end !== undefined) return;
    this.#end = end;
    for (let waiting = this.#waiting.shift(); waiting !== undefined; waiting = this.#waiting.shift())
      this.#tell(waiting);
  }

  #wait(step: Step): Promise<IteratorResult<unknown>> {
    const waiting = createDeferred<IteratorResult<unknown>>();
    if (this.#end !== undefined) this.#tell(waiting);
    else {
      this.#waiting.push(waiting);
      if (step.kind === "next") this.#generator.ask(step);
      else this.#generator.close(step);
    }
    return waiting.promise;
  }

  #tell({ resolve, reject }: Deferred<IteratorResult<unknown>>): void {
    const end = this.#end as KeptEnd; // whoever asks has looked
    this.#end = { value: undefined };
    if ("error" in end) reject(end.error);
    else resolve({ value: end.value, done: true });
  }
}
