/**
 * Notices that a worker has taken as many calls as it may, or has grown as large, and tells its parent once: what follows
 * is up to that. Memory is looked at from time to time, and between tasks, of which many may come in that time.
 */
import { getHeapStatistics } from "node:v8";
import { isMainThread } from "node:worker_threads";
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { WantedReports } from "../../process/worker.ts";
import type { TaskMeter } from "../../worker/task-meter.ts";
import type { WorkerReport } from "../parent/parent-link.ts";

/** How often memory is looked at, whatever the worker does. */
const LOOK_EVERY_MS = 250;
/** After how many tasks it is looked at besides: a look takes as long as a few short tasks. */
const LOOK_EVERY_TASKS = 16;

/** Where a meter has its figures from; the system, unless a test gives another. */
export interface WearSources {
  readonly queue: DeadlineQueue;
  /** Bytes of memory. */
  readonly memory: () => number;
}

/** What a worker has been used for since its start. */
export class WearMeter implements TaskMeter {
  readonly #calls: number;
  readonly #memory: number;
  readonly #report: (message: WorkerReport) => void;
  readonly #sources: WearSources;
  #taken = 0;
  #ended = 0;
  #isWorn = false;

  constructor(
    {
      calls = Number.POSITIVE_INFINITY,
      memory = Number.POSITIVE_INFINITY,
    }: NonNullable<WantedReports["wear"]>,
    report: (message: WorkerReport) => void,
    sources: WearSources = { queue: deadlines, memory: ownMemory },
  ) {
    this.#calls = calls;
    this.#memory = memory;
    this.#report = report;
    this.#sources = sources;
    if (memory !== Number.POSITIVE_INFINITY) this.#lookLater();
  }

  began(): void {
    this.#taken += 1;
    if (this.#taken === this.#calls) this.#worn("calls", this.#taken);
  }

  ended(): void {
    this.#ended += 1;
    if (this.#ended % LOOK_EVERY_TASKS === 0 && this.#memory !== Number.POSITIVE_INFINITY) this.#look();
  }

  #lookLater(): void {
    this.#sources.queue.after(LOOK_EVERY_MS, () => {
      this.#look();
      if (!this.#isWorn) this.#lookLater();
    });
  }

  #look(): void {
    if (this.#isWorn) return;
    const bytes = this.#sources.memory();
    if (bytes >= this.#memory) this.#worn("memory", bytes);
  }

  #worn(limit: "calls" | "memory", value: number): void {
    if (this.#isWorn) return;
    this.#isWorn = true;
    this.#report({ type: "merino:worn", limit, value });
  }
}

/** What this worker has in memory: the process, or what belongs to the thread alone. */
function ownMemory(): number {
  if (isMainThread) return process.memoryUsage.rss();
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
