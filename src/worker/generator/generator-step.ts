/** One step of a generator as its consumer asks for it, and how it is taken. */
import { isThenable } from "../../internal/is-thenable.ts";
import type { ReceivedMessage } from "../../session/messages/received-message.ts";
import type { Payload } from "../../wire/payload.ts";
import { type AnyGenerator, resumeBody } from "../body-stack.ts";
import type { IncomingTask } from "../incoming-task.ts";

/** What the consumer asked for, or the worker itself for its sake. */
export interface Step {
  readonly kind: "next" | "send" | "throw" | "return";
  /** What the consumer has sent with it, not decoded yet. Absent: the value is {@link value}. */
  readonly payload?: Payload;
  readonly value?: unknown;
  /** What the caller has changed of the variables by then, encoded. */
  readonly variables?: Uint8Array | undefined;
  /** What it brings is not for the caller, but for whoever has taken the stream. Default false. */
  readonly isTaken?: boolean;
}

export const NEXT: Step = { kind: "next" };

/** Keeps a step that carries a value until its turn comes. */
export function keepStep(kind: "send" | "throw" | "return", message: ReceivedMessage): Step {
  const { variables } = message;
  return message.empty ? { kind, value: undefined, variables } : { kind, payload: message.keep(), variables };
}

/**
 * The value of a step.
 *
 * @throws If it cannot be decoded.
 */
export function valueOf({ kind, payload, value }: Step, task: IncomingTask): unknown {
  if (payload === undefined) return value;
  try {
    return task.decodeSent(payload);
  } finally {
    // A return that cuts a step short may be asked for its value a second time.
    if (kind !== "return") task.session.connection.release(payload);
  }
}

/**
 * Runs one step, and returns or throws what the generator's method does. The error of a value that cannot be decoded is
 * thrown into the generator at its `yield`.
 */
export function advance(generator: AnyGenerator, step: Step, task: IncomingTask): unknown {
  if (step.kind === "next") return resumeBody(generator, "next", undefined);
  let value: unknown;
  try {
    value = valueOf(step, task);
  } catch (error) {
    return resumeBody(generator, "throw", error);
  }
  return resumeBody(generator, step.kind === "send" ? "next" : step.kind, value);
}

/** Runs the finally blocks of a generator to its end. An error in them nobody is there to hear. */
export function closeThen(generator: AnyGenerator, task: IncomingTask, ended: () => void): void {
  try {
    const closing: unknown = task.run(closeGenerator, generator);
    if (isThenable(closing)) closing.then(ended, ended);
    else ended();
  } catch {
    ended(); // as above
  }
}

function closeGenerator(generator: AnyGenerator): unknown {
  return generator.return(undefined);
}
