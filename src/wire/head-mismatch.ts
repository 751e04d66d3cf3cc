/**
 * Decides by the head of a Task whether its caller and a worker understand each other at all: the version
 * rule and the payload codec, before any payload is looked at.
 */
import { NackCode } from "./messages/nack-code.ts";
import { isVersionCompatible } from "./version.ts";

/** Why a task is refused. */
export interface HeadMismatch {
  readonly code: NackCode;
  /** For people. */
  readonly reason: string;
}

/** Longest text of a peer that a reason repeats. */
const MAX_QUOTED = 64;

/**
 * Compares a task's head with its worker.
 *
 * @param task Version and codec in the head; `undefined` if the caller's Hello has stated and passed them.
 * @param worker Version and codecs of the worker.
 * @returns `undefined` if they fit.
 * @example
 * headMismatch({ version: "2.0.0", codec: "merino-1" }, { version: "1.4.0", codecs: ["merino-1"] })?.code; // => 1
 */
export function headMismatch(
  task: { readonly version: string | undefined; readonly codec: string | undefined },
  worker: { readonly version: string; readonly codecs: readonly string[] },
): HeadMismatch | undefined {
  const { version, codec } = task;
  if (version !== undefined && !isVersionCompatible(worker.version, version)) {
    return {
      code: NackCode.VERSION,
      reason: `the task is of version '${quotable(version)}', and this worker of '${worker.version}': only versions of the same major are compatible`,
    };
  }
  if (codec !== undefined && !worker.codecs.includes(codec)) {
    return {
      code: NackCode.CODEC,
      reason: `the task's payloads are in codec '${quotable(codec)}', and this worker reads '${worker.codecs.join("', '")}'; name the codec in Task.codec`,
    };
  }
  return undefined;
}

function quotable(text: string): string {
  return text.length > MAX_QUOTED ? `${text.slice(0, MAX_QUOTED)}…` : text;
}
