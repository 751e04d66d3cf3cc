/**
 * Judges the head of a task before anything is decoded: whether its caller and this worker understand each
 * other, which routine it asks for, and which kind of answer it expects. `task-server.ts` checks whether there
 * is room for the task and whether the routine is here.
 */
import type { RoutineDefinition } from "../identity/routine-definition.ts";
import { isTainted, type Source } from "../identity/taint.ts";
import type { ServerSession } from "../session/server-session.ts";
import type { Define, Nack } from "../wire/frames.ts";
import { headMismatch } from "../wire/head-mismatch.ts";
import { DefineKind } from "../wire/messages/define-kind.ts";
import { createNack } from "../wire/messages/nack.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { readText } from "../wire/protobuf/text.ts";
import { TaskFlag } from "../wire/task/flags.ts";
import type { TaskReader } from "../wire/task/reader.ts";
import type { IncomingTask } from "./incoming-task.ts";
import type { RoutineRequest } from "./routine-resolver.ts";

/**
 * Bytes that a task's id, tag and callers may have together, and whatever else its head says: they are kept until its
 * body has ended.
 */
const MAX_HEAD_BYTES = 64 * 1024;

/**
 * One request object per definition, so that a task of a known routine allocates none, and what its carrier lets it cause
 * is asked once. A definition belongs to one connection.
 */
const requests = new WeakMap<Define, RoutineRequest>();

/**
 * Judges a head.
 *
 * @param worker The version and codecs of this worker.
 * @returns Why the task is refused; `undefined` if it is not.
 */
export function judgeHead(
  head: TaskReader,
  worker: { readonly version: string; readonly codecs: readonly string[] },
): Nack | undefined {
  if (head.headBytes > MAX_HEAD_BYTES) {
    return createNack(
      NackCode.TOO_LARGE,
      `the task has ${head.headBytes} bytes beside its arguments, more than the ${MAX_HEAD_BYTES} that a worker takes; give it a shorter tag`,
    );
  }
  const version = head.version();
  const codec = head.codec();
  if (version !== undefined || codec !== undefined) {
    const mismatch = headMismatch({ version, codec }, worker);
    if (mismatch !== undefined) return createNack(mismatch.code, mismatch.reason);
  }
  if (head.hasKeywords) {
    return createNack(
      NackCode.BAD_PAYLOAD,
      "the task has arguments by name, which routines do not take; pass an object",
    );
  }
  return undefined;
}

/**
 * Names the routine of a task.
 *
 * @returns `undefined` if the head names none, or names one by an index that was never defined.
 */
export function requestedRoutine(session: ServerSession, head: TaskReader): RoutineRequest | undefined {
  const { connection } = session;
  const { carrier } = connection;
  const asTainted = (head.flags & TaskFlag.Tainted) !== 0;
  if (head.routineRef === 0) {
    const id = head.callable();
    if (id === undefined) return undefined;
    return { id, location: "", mayImport: !isTainted(carrier, asTainted), tainted: asTainted };
  }
  const define = connection.definition(DefineKind.Routine, head.routineRef);
  if (define === undefined) return undefined;
  // Not the request of those that are not tainted, which may have found what is not exposed.
  if (asTainted || define.tainted === true) {
    return { id: idOf(define), location: "", mayImport: false, tainted: true };
  }
  return requests.get(define) ?? remembered(define, carrier);
}

/** The request of all tasks that name this definition, which no one has called tainted. */
function remembered(define: Define, carrier: Source): RoutineRequest {
  const mayImport = !isTainted(carrier, false);
  const request: RoutineRequest = {
    id: idOf(define),
    location: mayImport ? define.location : "",
    origin: define.origin,
    mayImport,
    definition: undefined,
  };
  requests.set(define, request);
  return request;
}

function idOf({ value }: Define): string {
  return readText(value, 0, value.length);
}

/** Why the routine cannot answer as the task's caller expects; `undefined` if it can. */
export function kindMismatch(definition: RoutineDefinition, task: IncomingTask): string | undefined {
  const expected = kindExpected(task);
  if (definition.kind === expected || isOpenToKind(task)) return undefined;
  return `'${definition.id}' is a ${definition.kind} in the worker and a ${expected} for the caller; run the same version of the code on both sides; who has it from routines() names it there if it is a generator`;
}

/** How the task's caller expects its routine to answer. */
export function kindExpected(task: IncomingTask): RoutineDefinition["kind"] {
  return (task.flags & TaskFlag.Generator) !== 0 ? "generator" : "function";
}

/** Whether the caller takes a routine of either kind: the original protocol cannot say which one it expects. */
export function isOpenToKind(task: IncomingTask): boolean {
  return !task.session.knowsGrammar && kindExpected(task) === "function";
}
