/** Puts into words why a worker could not start, for its parent's error. Pure. */
import { inspect } from "node:util";
import { isMerinoError } from "../../errors/merino-error.ts";
import type { ErrorText } from "../../process/worker.ts";
import { ImportFailedError } from "../../worker/import-failed-error.ts";

const HINTS: Readonly<Record<string, string>> = {
  EACCES: "it may not write there; set XDG_RUNTIME_DIR to a directory of this user's own",
  EADDRINUSE: "another process listens there",
  EADDRNOTAVAIL: "this host has no such address",
  EDQUOT: "this user's disk quota is used up; free some space, or set XDG_RUNTIME_DIR to another directory",
  EMFILE: "the process has too many open files (ulimit -n)",
  ENFILE: "the system has too many open files",
  ENOSPC: "no space, or no inode, is left there; free some, or set XDG_RUNTIME_DIR to another directory",
  EROFS: "the file system is read-only; set XDG_RUNTIME_DIR to a directory that can be written to",
};

/** A worker cannot serve: the message says why, for people; what is behind that is its `cause`. */
export class StartFailedError extends Error {}

/**
 * Explains a failure: an error of the system or of this library in one line, with a remedy if one is known; any
 * other error in full, since its stack says more than its message.
 *
 * @example
 * explainStartFailure(await listen().catch((error) => error)); // => "listen ENOSPC: … (no space, …)"
 */
export function explainStartFailure(error: unknown): string {
  if (typeof error === "string") return error;
  // Written for people already.
  if (isMerinoError(error) || isExplained(error)) return error.message;
  const { code, syscall } = (error ?? {}) as { readonly code?: unknown; readonly syscall?: unknown };
  if (!(error instanceof Error) || typeof code !== "string" || typeof syscall !== "string")
    return inspect(error);
  const hint = HINTS[code];
  return hint === undefined ? error.message : `${error.message} (${hint})`;
}

/** The error behind a failure that is explained already; its text is all that can travel. */
export function causeOfStartFailure(error: unknown): ErrorText | undefined {
  if (!isExplained(error) || !(error.cause instanceof Error)) return undefined;
  const { name, message, stack = "" } = error.cause;
  return { name, message, stack };
}

function isExplained(error: unknown): error is Error {
  return error instanceof ImportFailedError || error instanceof StartFailedError;
}

/** The stack of an error without the line that repeats its message: where it arose. */
export function placeOf({ name, message, stack = "" }: ErrorText): string {
  const head = `${name}: ${message}`;
  if (stack === head) return "";
  return stack
    .replace(`${head}\n`, "")
    .split("\n")
    .filter((line) => line.trim() !== "")
    .join("\n");
}
