/** The generator as its consumer has it. Dropping it without ending it ends its call. */
import { makeGivable } from "../../../session/flows/hand-over.ts";
import type { GeneratorCall } from "./generator-call.ts";

const dropped = new FinalizationRegistry<GeneratorCall>((call) => call.abandon());

/** A stream of values from a worker, with everything an `AsyncGenerator` can do. */
export class RemoteGenerator implements AsyncGenerator<unknown, unknown, unknown> {
  static {
    makeGivable(this.prototype, (generator) => (dispatcher) => generator.#call.give(dispatcher));
  }

  readonly #call: GeneratorCall;

  constructor(call: GeneratorCall) {
    this.#call = call;
    dropped.register(this, call);
  }

  next(...argument: [] | [unknown]): Promise<IteratorResult<unknown>> {
    return this.#call.next(argument[0]);
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    return this.#call.return(value);
  }

  throw(error: unknown): Promise<IteratorResult<unknown>> {
    return this.#call.throw(error);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#call.return(undefined);
  }
}
