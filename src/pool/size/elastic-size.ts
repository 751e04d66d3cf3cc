/**
 * Keeps the number of a pool's workers to the work that there is: asks for that at a fixed pace while there is any, has
 * `size-policy.ts` decide, and has workers started and ended. Without calls it does nothing but wait until those that are
 * too many have been that for long enough.
 */
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { WorkerLoad } from "../../process/worker.ts";
import type { WorkerEvent } from "../pool-event.ts";
import type { PoolWorkers } from "../workers/pool-workers.ts";
import { type PoolLoad, SizePolicy } from "./size-policy.ts";
import type { ResolvedSizeRange } from "./size-range.ts";

/** So often within the target it is looked at how much work there is. */
const LOOKS_PER_TARGET = 5;
/** The shortest and the longest time between two looks, in milliseconds. */
const LEAST_PACE_MS = 10;
const MOST_PACE_MS = 1_000;

/** How often it is looked at how much work there is, and how often workers tell, in milliseconds. */
export function paceMs({ targetWaitMs }: Pick<ResolvedSizeRange, "targetWaitMs">): number {
  return Math.min(Math.max(targetWaitMs / LOOKS_PER_TARGET, LEAST_PACE_MS), MOST_PACE_MS);
}

/** The pool whose size it is. */
export interface ElasticSizeOptions {
  readonly range: ResolvedSizeRange;
  /** Members that must be ready before the first call goes out. */
  readonly quorum: number;
  readonly workers: Pick<PoolWorkers, "size" | "grow" | "shrink">;
  /** The calls made through the pool; see `load` of `WorkerProxy`. */
  readonly load: (timeMs: (routine: string) => number | undefined) => PoolLoad & {
    /** Whether calls run on workers that the pool has found: those that follow may wait. */
    readonly elsewhere: boolean;
  };
  /** How many of these have not ended on a worker. */
  readonly inFlightOn: (uid: string) => number;
  readonly event: (event: WorkerEvent) => void;
  /** Where time comes from; the shared one unless a test gives another. */
  readonly queue?: DeadlineQueue;
}

/** What a worker has told. */
interface ToldLoad {
  /** Tasks of whomever. */
  readonly tasks: number;
  /** Those that the pool itself has not sent, and how long they are expected to take. */
  readonly others: number;
  readonly othersMs: number;
}

/** Routines whose times are known; beyond that the oldest are forgotten. */
const MAX_ROUTINES = 1_000;

/** The size of one pool. */
export class ElasticSize {
  /** The work that there was when it was last looked at, in milliseconds. */
  workMs = 0;
  readonly #options: ElasticSizeOptions;
  readonly #queue: DeadlineQueue;
  readonly #policy: SizePolicy;
  readonly #paceMs: number;
  /** What the workers have told last, by uid. */
  readonly #told = new Map<string, ToldLoad>();
  /** How long calls take, by the identity of their routine, in milliseconds. */
  readonly #times = new Map<string, number>();
  #next: DeadlineEntry | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;
  #ended = false;

  constructor(options: ElasticSizeOptions) {
    this.#options = options;
    this.#queue = options.queue ?? deadlines;
    this.#policy = new SizePolicy(options.range, options.quorum);
    this.#paceMs = paceMs(options.range);
  }

  /** There may be more to do than before: looks as soon as the pace allows. */
  wake(): void {
    if (this.#ended) return;
    const atMs = Math.max(this.#lookedMs + this.#paceMs, this.#queue.now());
    if (this.#next !== undefined && this.#next.atMs <= atMs) return;
    this.#lookAt(atMs);
  }

  /** A worker tells what it has to do. */
  told(uid: string, { tasks, ms, times }: WorkerLoad): void {
    const others = Math.max(0, tasks - this.#options.inFlightOn(uid));
    this.#told.set(uid, { tasks, others, othersMs: tasks === 0 ? 0 : (ms * others) / tasks });
    for (const [routine, time] of Object.entries(times)) this.#learn(routine, time);
    if (tasks > 0) this.wake();
  }

  /** A worker gets no more calls of this pool, or has gone. */
  left(uid: string): void {
    this.#told.delete(uid);
  }

  /** Nothing is started or ended any more. */
  end(): void {
    this.#ended = true;
    if (this.#next !== undefined) this.#queue.cancel(this.#next);
  }

  #learn(routine: string, ms: number): void {
    this.#times.set(routine, ms);
    const oldest = this.#times.keys().next();
    if (this.#times.size > MAX_ROUTINES && oldest.done !== true) this.#times.delete(oldest.value);
  }

  #lookAt(atMs: number): void {
    if (this.#next !== undefined) this.#queue.cancel(this.#next);
    this.#next = this.#queue.add(atMs, () => {
      this.#next = undefined;
      this.#look();
    });
  }

  #look(): void {
    const { workers, range } = this.#options;
    const nowMs = this.#queue.now();
    this.#lookedMs = nowMs;
    const load = this.#load();
    this.workMs = load.ms;
    const before = workers.size;
    const wanted = this.#policy.decide(load, before, nowMs);
    if (wanted > before) workers.grow(wanted - before);
    else if (wanted < before) workers.shrink(before - wanted, (uid) => this.#isIdle(uid));
    if (workers.size !== before)
      this.#options.event({ type: "pool-resized", from: before, size: workers.size, work: load.ms });
    if (load.calls > 0 || load.elsewhere) this.#lookAt(nowMs + this.#paceMs);
    else if (workers.size > range.min) {
      // Some that were to be ended had calls, of which they have not told that they are over.
      const dueMs = this.#policy.dueMs ?? nowMs + this.#paceMs;
      if (dueMs !== Number.POSITIVE_INFINITY) this.#lookAt(Math.max(dueMs, nowMs + this.#paceMs));
    }
  }

  #load(): ReturnType<ElasticSizeOptions["load"]> {
    const own = this.#options.load((routine) => this.#times.get(routine));
    let { calls, ms } = own;
    for (const { others, othersMs } of this.#told.values()) {
      calls += others;
      ms += othersMs;
    }
    return { ...own, calls, ms };
  }

  /** Whether it has nothing to do, for anybody. */
  #isIdle(uid: string): boolean {
    return this.#options.inFlightOn(uid) === 0 && (this.#told.get(uid)?.tasks ?? 0) === 0;
  }
}
