/**
 * A worker that has been started in the place of a worn one, which serves until this one can be called, or has had long
 * enough to be connected. Which of them is a member and announced is up to their place (`worker-slot.ts`).
 */
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import type { PoolWorker } from "./pool-worker.ts";

/** How long it may take to be connected, before the worn one gets no more calls. */
const CONNECTED_MS = 2_000;

/** The one that takes over. */
export class TakeOver {
  readonly poolWorker: PoolWorker;
  readonly metadata: WorkerMetadata;
  /** Whether it has no address for others than the workers of its pool. */
  readonly hidden: boolean;
  readonly #due: DeadlineEntry;

  /** @param options `due` is called when it has had long enough. */
  constructor(options: {
    readonly poolWorker: PoolWorker;
    readonly metadata: WorkerMetadata;
    readonly hidden: boolean;
    readonly due: () => void;
  }) {
    this.poolWorker = options.poolWorker;
    this.metadata = options.metadata;
    this.hidden = options.hidden;
    this.#due = deadlines.after(CONNECTED_MS, options.due);
  }

  /** It is over, or is not to be: `due` is not called any more. */
  cancel(): void {
    deadlines.cancel(this.#due);
  }
}
