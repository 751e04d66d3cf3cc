/**
 * Decides by the head of a task alone whether its caller and this worker understand each other. Whether there is room
 * for it, and whether its routine is here, is asked later.
 */
import type { Nack } from "../wire/frames.ts";
import { headMismatch } from "../wire/head-mismatch.ts";
import { createNack } from "../wire/messages/nack.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import type { TaskReader } from "../wire/task/reader.ts";

/**
 * Judges a head.
 *
 * @param worker What the worker is.
 * @returns Why the task is refused; `undefined` if it is not.
 */
export function judgeHead(
  head: TaskReader,
  worker: { readonly version: string; readonly codecs: readonly string[] },
): Nack | undefined {
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
