/**
 * The control socket of a worker on this host, found by who answers there. Only sockets in this user's own directory
 * are asked, and what a record says of paths decides nothing but whom to ask first: records come from anywhere.
 */
import { setMaxListeners } from "node:events";
import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { deadlines } from "../internal/time/deadline-queue.ts";
import { ownerPrefix } from "../transport/unix/leftovers.ts";
import { socketDirectory } from "../transport/unix/runtime-directory.ts";
import { controlSocketPath } from "../transport/unix/socket-path.ts";
import type { WorkerMetadata } from "../wire/worker-metadata.ts";

/** Sockets asked at a time. */
const CONCURRENT_QUESTIONS = 16;
/** How long one may take to answer: it is on this host, and its worker's main thread has nothing to do with it. */
const ANSWER_MS = 5_000;

/**
 * Asks this user's control sockets for a worker.
 *
 * @param worker Its uid decides. Its process and socket, if they are known, only tell where to look first.
 * @param options `timeoutMs`: for all of them together.
 * @returns The path of the socket at which the worker with this uid answers; undefined if none does in time.
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `runtimeDirectory`) if the directory is not
 *   this user's own; the signal's reason once it has fired.
 */
export async function findControlSocket(
  worker: Pick<WorkerMetadata, "uid"> & Partial<WorkerMetadata>,
  options: { readonly timeoutMs: number; readonly signal: AbortSignal },
): Promise<string | undefined> {
  const directory = socketDirectory();
  const endMs = deadlines.now() + options.timeoutMs;
  const { describeWorker } = await import("../transport/grpc/unary.ts"); // most programs have no network
  const over = new AbortController();
  const { signal } = over;
  const onAbort = (): void => over.abort(options.signal.reason);
  options.signal.addEventListener("abort", onAbort);
  if (options.signal.aborted) onAbort();
  // Every question under way listens; from eleven on Node would warn.
  setMaxListeners(2 * CONCURRENT_QUESTIONS, signal);
  const names = likeliestFirst(readdirSync(directory), worker).values();
  let path: string | undefined;
  const askNext = async (): Promise<void> => {
    // One iterator for all: each takes the next name.
    for (const name of names) {
      const timeoutMs = Math.min(ANSWER_MS, endMs - deadlines.now());
      if (signal.aborted || timeoutMs <= 0) return;
      const candidate = join(directory, name);
      // Nobody answers at a socket that was left behind, or not in time: it is not the one.
      const answer = await describeWorker(`unix:${candidate}`, { timeoutMs, signal }).catch(() => undefined);
      if (answer?.uid !== worker.uid) continue;
      path = candidate;
      over.abort();
    }
  };
  await Promise.all(Array.from({ length: CONCURRENT_QUESTIONS }, askNext));
  options.signal.removeEventListener("abort", onAbort);
  options.signal.throwIfAborted();
  return path;
}

/** The control sockets among the files of the directory. */
function likeliestFirst(
  names: readonly string[],
  { pid, socket }: Partial<WorkerMetadata>,
): readonly string[] {
  const named = socket === undefined ? undefined : controlSocketPath(basename(socket));
  const made = pid === undefined ? undefined : ownerPrefix(pid);
  const rank = (name: string): number => {
    if (name === named) return 0;
    return made !== undefined && name.startsWith(made) ? 1 : 2;
  };
  return names
    .filter((name) => name.endsWith(controlSocketPath("")))
    .sort((one, other) => rank(one) - rank(other));
}
