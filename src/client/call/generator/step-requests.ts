/**
 * The steps of a remote generator that its consumer waits for, in the order of asking, which is the order of
 * the answers. While there is one, the process is kept alive. Whether and when a step goes to the worker is
 * decided by the call; those it puts off until the call has left are kept here.
 */
import { ArrayQueue } from "../../../internal/array-queue.ts";
import { keepAlive, letExit } from "../../../internal/keep-alive.ts";
import type { Payload } from "../../../wire/payload.ts";

/** The consumer's request. It decides the answer when the generator has ended before its turn comes. */
export type Ask = { readonly kind: "next" } | { readonly kind: "throw" | "return"; readonly value: unknown };

export const NEXT: Ask = { kind: "next" };

/** A step that the consumer waits for. */
export interface StepRequest {
  readonly ask: Ask;
  /**
   * The value sent, thrown or returned, which goes to the worker with the step. Absent: the worker is merely asked
   * for a value.
   */
  readonly payload: Payload | undefined;
  /** The worker takes the step by itself: nothing goes to it. */
  readonly implied: boolean;
  /** It waits for the answer to a throw or return, so values produced before that are not for it. */
  readonly behindBarrier: boolean;
  /** Its step is sent only when those before it have been answered: the worker, running ahead, does not know of them. */
  inTurn: boolean;
  readonly resolve: (result: IteratorResult<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/** Steps not answered yet. */
export class StepRequests {
  readonly #requests = new ArrayQueue<StepRequest>();
  /** Those asked for before the call was sent. */
  #early: StepRequest[] = [];

  get size(): number {
    return this.#requests.size;
  }

  /** The one to be answered next. */
  get first(): StepRequest | undefined {
    return this.#requests.peek();
  }

  /** Whether a return is among them. */
  get returning(): boolean {
    for (const { ask } of this.#requests) if (ask.kind === "return") return true;
    return false;
  }

  /** Whether the step of any has been put off until those before it are answered. */
  get anyInTurn(): boolean {
    for (const { inTurn } of this.#requests) if (inTurn) return true;
    return false;
  }

  push(request: StepRequest): void {
    if (this.#requests.size === 0) keepAlive();
    this.#requests.push(request);
  }

  /** Takes out the one to be answered next. */
  shift(): StepRequest | undefined {
    const request = this.#requests.shift();
    if (request !== undefined && this.#requests.size === 0) letExit();
    return request;
  }

  /** Takes out the youngest: it is no step after all. */
  pop(): void {
    if (this.#requests.pop() !== undefined && this.#requests.size === 0) letExit();
  }

  /** Takes out all, the oldest first. */
  drain(): StepRequest[] {
    const requests = this.#requests.drain();
    if (requests.length > 0) letExit();
    return requests;
  }

  /** Keeps a step until the call has left. */
  postpone(request: StepRequest): void {
    this.#early.push(request);
  }

  /** Takes out the steps kept. */
  postponed(): StepRequest[] {
    const early = this.#early;
    this.#early = [];
    return early;
  }

  /**
   * The call starts anew: the steps went to a worker that did not start it.
   *
   * @param goesAlong Whether the first one goes with it again.
   */
  restart(goesAlong: boolean): void {
    this.#early = [...this.#requests]
      .slice(goesAlong ? 1 : 0)
      .filter(({ implied, inTurn }) => !implied && !inTurn);
  }
}

/** The answer of a generator that is done. */
export function afterEnd(ask: Ask): Promise<IteratorResult<unknown>> {
  switch (ask.kind) {
    case "next":
      return Promise.resolve({ value: undefined, done: true });
    case "return":
      return Promise.resolve({ value: ask.value, done: true });
    case "throw":
      return Promise.reject(ask.value);
  }
}
