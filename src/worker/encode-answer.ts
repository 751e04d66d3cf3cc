/**
 * The answers to a task as payloads that its caller takes: in the form it knows, and no larger than it accepts. What
 * is answered when is decided by the execution.
 */
import { encodeThrown, encodeValue } from "../codec/encode/encoder.ts";
import type { Encoded } from "../codec/encoded.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { TaskRefusedError } from "../errors/task-refused-error.ts";
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { NackCode, refusalName } from "../wire/messages/nack-code.ts";
import type { IncomingTask } from "./incoming-task.ts";

/** What the answers say about the worker. */
export interface AnswerHost {
  /** Marks remote stacks, for example `worker 4711`. */
  readonly origin: string;
  /** Completes an error of a body with what the worker knows about its module. */
  explainError(definition: RoutineDefinition, error: unknown): unknown;
}

/**
 * Encodes a value that a body has returned or yielded.
 *
 * @throws NotSerializableError or TaskRefusedError if it cannot be sent.
 */
export function encodeResult(task: IncomingTask, value: unknown): Encoded {
  const { session, references } = task;
  const options = { root: "result", references, inline: !session.takesParts, fault: "routine" } as const;
  const payload = encodeValue(value, options);
  const excess = session.connection.excess(payload);
  if (excess !== undefined) {
    throw new TaskRefusedError(
      "TOO_LARGE",
      `Cannot send the result of '${task.routine}': ${excess.sizeBytes} bytes exceed the ${excess.limitBytes} that the caller accepts; return less at a time, for example from a generator`,
    );
  }
  return payload;
}

/** Encodes what a body has thrown. Never throws: what cannot travel is replaced by words about it. */
export function encodeFailure(
  task: IncomingTask,
  { definition, error }: { readonly definition: RoutineDefinition; readonly error: unknown },
  host: AnswerHost,
): Encoded {
  const { session, references } = task;
  const options = { root: "error", references, origin: host.origin, inline: !session.takesParts };
  let payload: Encoded;
  try {
    payload = encodeThrown(host.explainError(definition, error), options);
  } catch (problem) {
    payload = encodeThrown(problem, options); // what was thrown throws when it is looked at
  }
  const excess = session.connection.excess(payload);
  if (excess === undefined) return payload;
  const { name, message } = error instanceof Error ? error : { name: "a value", message: "" };
  const refused = new TaskRefusedError(
    "TOO_LARGE",
    `Cannot send the error thrown by '${task.routine}' (${name}: ${message.slice(0, 1000)}): ${excess.sizeBytes} bytes exceed the ${excess.limitBytes} that the caller accepts; leave large data out of errors`,
  );
  return encodeThrown(refused, options);
}

/** Encodes a refusal as an error, for callers to whom a Nack means that no Ack has come. */
export function encodeRefusal(task: IncomingTask, code: number, reason: string): Encoded {
  const why = `Cannot run '${task.routine}': ${reason}`;
  const error =
    code === NackCode.BAD_PAYLOAD ? new PayloadError(why) : new TaskRefusedError(refusalName(code), why);
  return encodeThrown(error, { root: "error", references: task.references, inline: true });
}
