/** What routine a task asks for, by its head and by what its client has defined on the connection. */
import type { ServerSession } from "../session/server-session.ts";
import type { Define } from "../wire/frames.ts";
import { DefineKind } from "../wire/messages/define-kind.ts";
import { readText } from "../wire/protobuf/text.ts";
import type { TaskReader } from "../wire/task/reader.ts";
import type { RoutineRequest } from "./routine-resolver.ts";

/** One request object per definition, so that a task of a known routine allocates none. */
const requests = new WeakMap<Define, RoutineRequest>();

/**
 * Names the routine of a task.
 *
 * @returns `undefined` if the head names none, or names one by an index that was never defined.
 */
export function requestedRoutine(session: ServerSession, head: TaskReader): RoutineRequest | undefined {
  const { connection } = session;
  const mayImport = connection.carrier.local;
  if (head.routineRef === 0) {
    const id = head.callable();
    return id === undefined ? undefined : { id, location: "", mayImport };
  }
  const define = connection.definition(DefineKind.Routine, head.routineRef);
  if (define === undefined) return undefined;
  let request = requests.get(define);
  if (request === undefined) {
    request = { id: readText(define.value, 0, define.value.length), location: define.location, mayImport };
    requests.set(define, request);
  }
  return request;
}
