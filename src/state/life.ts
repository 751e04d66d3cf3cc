/**
 * The life of the worker that this process or thread is, for what lives as long as it: what was made is undone when it
 * ends, the last first, and what is being made is given up. A program has such a life as well: while it has a pool
 * without workers, and else until its event loop has nothing left to do. One per process, whichever copy of the package
 * asks; it knows nothing of what it undoes.
 */
import { abortReason } from "../internal/abort-reason.ts";
import { errorText } from "../internal/error-text.ts";
import { processWide } from "../internal/process-wide.ts";
import { type DeadlineQueue, deadlines } from "../internal/time/deadline-queue.ts";
import { waitAtMost } from "../internal/time/wait.ts";
import { warn } from "../internal/warn.ts";
import { workerRole } from "../internal/worker-role.ts";

/** Something that is being made. */
export interface Making {
  /** Gives it up. */
  abort(reason: unknown): void;
  /** Resolves once nothing of it goes on. Never rejects. */
  readonly over: Promise<void>;
}

/** Something that was made. */
export interface Made {
  /** What undoing it is, as the subject of a warning: `Disposing of 'thumbs/jobs.ts#model'`. */
  readonly what: string;
  readonly undo: () => unknown;
}

interface Life {
  readonly makings: Set<Making>;
  /** In the order in which it was made. */
  readonly made: Set<Made>;
  /** Present from when it ends; of a worker for good. */
  end: Promise<void> | undefined;
  /** Pools of this program that run bodies in it. */
  localPools: number;
  /** Ends the life of a program that has made something and has no such pool. */
  onBeforeExit: (() => void) | undefined;
}

const life = processWide(
  "state.life",
  (): Life => ({
    makings: new Set(),
    made: new Set(),
    end: undefined,
    localPools: 0,
    onBeforeExit: undefined,
  }),
);

/** What is undone may take so long altogether: well below the time after which a worker that is to end is killed. */
const UNDO_MS = 2_000;

/** Whether it is ending, or has ended: nothing is made any more. */
export function lifeEnds(): boolean {
  return life.end !== undefined;
}

/** Whether this is a worker, or runs bodies as one does. */
export function isAlive(): boolean {
  return workerRole() !== undefined || life.localPools > 0;
}

/** Notes that something is being made, until it is {@link Making.over}. */
export function noteMaking(making: Making): void {
  life.makings.add(making);
  void making.over.then(() => life.makings.delete(making));
}

/** Notes that something was made. @returns Takes that back, since it has been undone. */
export function noteMade(made: Made): () => void {
  life.made.add(made);
  if (!isAlive() && life.onBeforeExit === undefined) {
    life.onBeforeExit = () => void endLife();
    process.on("beforeExit", life.onBeforeExit);
  }
  return () => forget(made);
}

function forget(made: Made): void {
  life.made.delete(made);
  if (life.made.size > 0 || life.onBeforeExit === undefined) return;
  process.off("beforeExit", life.onBeforeExit);
  life.onBeforeExit = undefined;
}

/** A pool without workers has been opened: this program is a worker until {@link leaveLocalPool}. */
export function enterLocalPool(): void {
  life.localPools += 1;
}

/** It is closed: with the last one what was made is undone. */
export async function leaveLocalPool(): Promise<void> {
  life.localPools -= 1;
  if (!isAlive()) await endLife();
}

/**
 * Gives up what is being made and undoes what was made, the last first. What fails or takes too long keeps nothing else
 * from being undone. A program, other than a worker, can make everything anew afterwards. Never rejects.
 *
 * @param queue Where time comes from; the shared one unless a test gives another.
 */
export function endLife(queue: DeadlineQueue = deadlines): Promise<void> {
  life.end ??= undoAll(queue).then(() => {
    if (workerRole() === undefined) life.end = undefined;
  });
  return life.end;
}

async function undoAll(queue: DeadlineQueue): Promise<void> {
  const endMs = queue.now() + UNDO_MS;
  // One that hangs leaves half of the time to those that come after it.
  const share = (): number => Math.max(0, (endMs - queue.now()) / 2);
  await Promise.resolve(); // so that `lifeEnds()` says so to whoever is told of it
  const makings = [...life.makings];
  for (const making of makings) making.abort(abortReason("The worker is shutting down"));
  await waitAtMost(share(), Promise.all(makings.map(({ over }) => over)), queue);
  for (const made of [...life.made].reverse()) {
    forget(made);
    await undoOne(made, share(), queue);
  }
}

/** Undoes one thing, and tells of it if that fails or takes longer than it may. Never rejects. */
export async function undoOne(
  { what, undo }: Made,
  limitMs: number = UNDO_MS,
  queue: DeadlineQueue = deadlines,
): Promise<void> {
  const undone = (async () => {
    try {
      await undo();
    } catch (error) {
      warn("MERINO_WORKER_STATE", `${what} has failed: ${errorText(error)}`);
    }
    return true;
  })();
  if ((await waitAtMost(limitMs, undone, queue)) === true) return;
  warn(
    "MERINO_WORKER_STATE",
    `${what} has not ended within ${Math.round(limitMs)} ms, and is not waited for`,
  );
}
