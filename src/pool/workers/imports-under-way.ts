/**
 * The imports under way in one worker, as it tells of them: meanwhile it is starting, and no task blocks it. Whether
 * an import has the thread, or something else that holds up the import, cannot be seen from outside.
 */
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";

/** An import that is under way. */
export interface ImportUnderWay {
  /** `file:` URL. */
  readonly module: string;
  /** Whether the worker would have given it up by now, if it had the time to. */
  readonly overdue: boolean;
}

/** Imports that have begun and not ended. */
export class ImportsUnderWay {
  /** By module, the first to begin first: by when each has to be over. */
  readonly #dueMs = new Map<string, number>();
  readonly #loaded = new Set<string>();
  readonly #queue: Pick<DeadlineQueue, "now">;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(queue: Pick<DeadlineQueue, "now"> = deadlines) {
    this.#queue = queue;
  }

  /** The one that has begun first; `undefined` if none is under way. */
  get first(): ImportUnderWay | undefined {
    for (const [module, dueMs] of this.#dueMs) return { module, overdue: this.#queue.now() >= dueMs };
    return undefined;
  }

  /** @param limitMs Milliseconds that it may take from now on. */
  begun(module: string, limitMs: number): void {
    this.#dueMs.set(module, this.#queue.now() + limitMs);
  }

  /** @param isLoaded Whether it has succeeded. */
  ended(module: string, isLoaded: boolean): void {
    this.#dueMs.delete(module);
    if (isLoaded) this.#loaded.add(module);
  }

  /** The modules that have been imported so far. */
  get loaded(): readonly string[] {
    return [...this.#loaded];
  }
}
