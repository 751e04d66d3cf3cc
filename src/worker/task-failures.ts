/**
 * The errors with which a task answers, encoded in the form that its caller takes: what its body throws, and why it was
 * refused. None is larger than the caller accepts: an error that cannot travel whole travels as what it says.
 */
import { types } from "node:util";
import { auditPayload } from "../codec/budget/payload-audit.ts";
import { encodeThrown } from "../codec/encode/encoder.ts";
import type { EncodeOptions } from "../codec/encode/encoding.ts";
import type { Encoded } from "../codec/encoded.ts";
import { isMerinoError } from "../errors/merino-error.ts";
import { PayloadError } from "../errors/payload-error.ts";
import { TaskRefusedError } from "../errors/task-refused-error.ts";
import { asError, errorText } from "../internal/error-text.ts";
import type { Nack } from "../wire/frames.ts";
import { createNack, MAX_EXCEPTION_BYTES } from "../wire/messages/nack.ts";
import { NackCode, refusalName } from "../wire/messages/nack-code.ts";
import { bodyStack } from "./body-stack.ts";
import { ImportFailedError } from "./import-failed-error.ts";
import type { Answer, IncomingTask } from "./incoming-task.ts";

/**
 * Encodes a value that its body has thrown. Never throws: parts that cannot travel are replaced by a text
 * about them.
 *
 * @param explain Adds the worker's explanation to the error, if the routine's module is why it failed.
 */
function encodeFailure(task: IncomingTask, error: unknown, explain: (error: unknown) => unknown): Encoded {
  const { session, references } = task;
  const options = {
    root: "error",
    references,
    origin: task.stackOrigin,
    readStack: bodyStack,
    inline: !session.takesParts,
    textUnits: session.connection.takesTextUnits,
    platform: session.connection.takesPlatform,
  };
  let thrown: unknown;
  let payload: Encoded;
  try {
    thrown = explain(error);
    payload = encodeThrown(thrown, options);
  } catch (problem) {
    thrown = problem; // the thrown value throws when it is looked at
    payload = encodeThrown(thrown, options);
  }
  if (payload.tainted !== undefined && !session.connection.takesTainted) {
    payload = encodeThrown(thrown, { ...options, refuseTainted: true });
  }
  if (!session.connection.carrier.local && auditPayload(payload, "sender") !== undefined)
    return encodeBriefly(error, options);
  payload = session.connection.readable(payload);
  const excess = session.connection.excess(payload);
  if (excess === undefined) return payload;
  const { name, message } = types.isNativeError(error) ? error : { name: "a value", message: "" };
  const refused = new TaskRefusedError(
    "TOO_LARGE",
    `Cannot send the error thrown by '${task.routine}' (${name}: ${message.slice(0, 1000)}): ${excess.sizeBytes} bytes exceed the ${excess.limitBytes} that the caller accepts; leave large data out of errors`,
  );
  return encodeThrown(refused, options);
}

/** How long a caller waits before it asks again whose arguments have come, and found no room. */
const RETRY_AFTER_MS = 100;

/** A refusal. */
type Why = Pick<Nack, "code" | "reason" | "exception" | "limit" | "needs" | "free">;

/**
 * Refuses a task whose body has not started.
 *
 * @param isAcked Whether its caller has been told that it was accepted: one that does not know Nacks after that learns of
 *   it as of a failure.
 */
export function answerRefusal(
  task: IncomingTask,
  { code, reason, exception, limit, needs, free }: Why,
  { isAcked }: { readonly isAcked: boolean },
): void {
  const { session, stream } = task;
  const nack = createNack(code, reason, code === NackCode.FULL ? RETRY_AFTER_MS : 0);
  if (isAcked && !session.knowsGrammar) session.exception(stream, encodeRefusal(task, code, reason), 0);
  else if (exception === undefined && limit === undefined && needs === undefined) session.nack(stream, nack);
  else
    session.nack(stream, {
      ...nack,
      ...(exception !== undefined && { exception }),
      ...(limit !== undefined && { limit }),
      ...(needs !== undefined && { needs }),
      ...(free !== undefined && { free }),
    });
}

/** As {@link encodeFailure}, with what the body has changed of the variables. */
export function answerFailure(
  task: IncomingTask,
  error: unknown,
  explain: (error: unknown) => unknown,
): Answer {
  const { bytes, start, end, parts } = encodeFailure(task, error, explain); // the object is the encoder's
  return { payload: { bytes, start, end, parts }, variables: task.changedVariables() };
}

/** Explains why the routine of a task could not be found: with which code, and by which error if an import has failed. */
export function explainUnresolved(
  task: IncomingTask,
  error: unknown,
): Pick<Nack, "code" | "reason" | "exception"> {
  if (!(error instanceof ImportFailedError)) {
    return { code: NackCode.UNKNOWN_ROUTINE, reason: errorText(error) };
  }
  const { message: reason } = error;
  const exception = "cause" in error ? encodeCause(task, error.cause) : undefined;
  return { code: NackCode.IMPORT_FAILED, reason, ...(exception === undefined ? {} : { exception }) };
}

/** Explains why the arguments of a task were not made. */
export function explainUnmade(error: unknown): Pick<Nack, "code" | "reason"> {
  if (!isMerinoError(error))
    return { code: NackCode.BAD_PAYLOAD, reason: "the arguments could not be decoded" };
  const { refusal } = error as Partial<TaskRefusedError>;
  const code = refusal === "FULL" || refusal === "TOO_LARGE" ? NackCode[refusal] : NackCode.BAD_PAYLOAD;
  return { code, reason: error.message };
}

/** Encodes the error behind a refusal, which travels in a control frame: of a large one, what it says and where it arose. */
function encodeCause(task: IncomingTask, error: unknown): Uint8Array {
  const { references, session } = task;
  const refuseTainted = !session.connection.takesTainted;
  const options = { root: "error", references, origin: task.stackOrigin, inline: true, refuseTainted };
  let payload = encodeThrown(error, options);
  if (payload.end - payload.start > MAX_EXCEPTION_BYTES) {
    payload = encodeBriefly(error, options);
  }
  return payload.bytes.subarray(payload.start, payload.end);
}

/** Encodes a refusal as an error, for callers to whom a Nack means that no Ack has come. */
function encodeRefusal(task: IncomingTask, code: number, reason: string): Encoded {
  const why = `Cannot run '${task.routine}': ${reason}`;
  const error =
    code === NackCode.BAD_PAYLOAD ? new PayloadError(why) : new TaskRefusedError(refusalName(code), why);
  return encodeThrown(error, { root: "error", references: task.references, inline: true });
}

/** Of an error that cannot travel whole, what it says and where it arose. */
function encodeBriefly(error: unknown, options: EncodeOptions): Encoded {
  const thrown = asError(error);
  const brief = new Error(`${thrown.name}: ${thrown.message.slice(0, 1000)}`);
  brief.stack = String(thrown.stack).slice(0, 4000);
  return encodeThrown(brief, options);
}
