/** The id of a task: UUID-shaped text, made only when somebody asks, equal on both sides. */
import { createHash } from "node:crypto";

/**
 * Formats the id of the task on a stream.
 *
 * @param prefix 16 hexadecimal digits of the client, see `taskIdPrefix`.
 * @param session Number of the connection among the client's, unsigned 32 bits.
 * @param stream Number of the stream, unsigned 32 bits.
 */
export function formatTaskId(prefix: string, session: number, stream: number): string {
  const s = session.toString(16).padStart(8, "0");
  const n = stream.toString(16).padStart(8, "0");
  return `${prefix.slice(0, 8)}-${prefix.slice(8, 12)}-${prefix.slice(12, 16)}-${s.slice(0, 4)}-${s.slice(4)}${n}`;
}

/** Derives the part of a task's id that names the client from the uid in its Hello. */
export function taskIdPrefix(clientUid: string): string {
  return createHash("sha256").update(clientUid).digest("hex").slice(0, 16);
}
