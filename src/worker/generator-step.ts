/** One step of a generator as its consumer asks for it, and how it is taken. */
import type { ReceivedMessage } from "../session/messages/received-message.ts";
import type { IncomingTask } from "./incoming-task.ts";

/** A generator of either kind. */
export type AnyGenerator = Generator<unknown, unknown, unknown> | AsyncGenerator<unknown, unknown, unknown>;

/**
 * What the consumer asked for. `malformed`: it could not be decoded; the error is thrown into the generator at its
 * `yield`.
 */
export type Step =
  | { readonly kind: "next" }
  | { readonly kind: "send" | "throw" | "return"; readonly value: unknown }
  | { readonly kind: "malformed"; readonly error: unknown };

export const NEXT: Step = { kind: "next" };

/** Reads a step that carries a value. */
export function decodeStep(
  task: IncomingTask,
  kind: "send" | "throw" | "return",
  message: ReceivedMessage,
): Step {
  try {
    return { kind, value: message.empty ? undefined : task.decode(message) };
  } catch (error) {
    return { kind: "malformed", error };
  }
}

/** Runs one step, and returns or throws what the generator's method does. */
export function advance(generator: AnyGenerator, step: Step): unknown {
  switch (step.kind) {
    case "next":
      return generator.next();
    case "send":
      return generator.next(step.value);
    case "throw":
      return generator.throw(step.value);
    case "return":
      return generator.return(step.value);
    case "malformed":
      return generator.throw(step.error);
  }
}
