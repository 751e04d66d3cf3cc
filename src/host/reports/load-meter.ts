/**
 * Tells a worker's parent what the worker has to do, whoever has sent it: the parent sees its own calls only. While there
 * are tasks it tells so at a fixed pace, and once when there are none any more; a worker without tasks does nothing.
 */
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import type { MeteredTask, TaskMeter } from "../../worker/task-meter.ts";
import type { WorkerReport } from "../parent/parent-link.ts";

/** Weight of a new sample of the time that a routine takes. */
const WEIGHT = 0.2;
/** Routines whose times are known; beyond that the oldest are forgotten. */
const MAX_ROUTINES = 1_000;
/** Tasks that are looked at for a report: of more, these stand for all. */
const MAX_LOOKED_AT = 1_000;
/** Changes by less than this part are not worth telling. */
const WORTH_TELLING = 0.1;

/** The tasks of one worker, and how long they take. */
export class LoadMeter implements TaskMeter {
  readonly #everyMs: number;
  readonly #report: (message: WorkerReport) => void;
  readonly #queue: DeadlineQueue;
  readonly #tasks = new Set<MeteredTask>();
  /** How long the tasks of a routine have taken, and what was last told of it, in milliseconds. */
  readonly #times = new Map<string, { ms: number; toldMs: number }>();
  #isDue = false;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(everyMs: number, report: (message: WorkerReport) => void, queue: DeadlineQueue = deadlines) {
    this.#everyMs = everyMs;
    this.#report = report;
    this.#queue = queue;
  }

  began(execution: MeteredTask): void {
    execution.sinceMs = this.#queue.now();
    this.#tasks.add(execution);
    this.#tellLater();
  }

  ended(execution: MeteredTask): void {
    this.#tasks.delete(execution);
    const { routine } = execution.task;
    if (routine !== "") this.#learn(routine, this.#queue.now() - execution.sinceMs);
  }

  #learn(routine: string, ms: number): void {
    const known = this.#times.get(routine);
    if (known !== undefined) {
      known.ms += (ms - known.ms) * WEIGHT;
      return;
    }
    this.#times.set(routine, { ms, toldMs: 0 });
    const oldest = this.#times.keys().next();
    if (this.#times.size > MAX_ROUTINES && oldest.done !== true) this.#times.delete(oldest.value);
  }

  #tellLater(): void {
    if (this.#isDue) return;
    this.#isDue = true;
    this.#queue.after(this.#everyMs, () => {
      this.#isDue = false;
      this.#tell();
      if (this.#tasks.size > 0) this.#tellLater();
    });
  }

  #tell(): void {
    const nowMs = this.#queue.now();
    const times: Record<string, number> = {};
    let lookedAt = 0;
    let ms = 0;
    for (const { sinceMs, permit, task } of this.#tasks) {
      lookedAt += 1;
      if (lookedAt > MAX_LOOKED_AT) break;
      if (!permit && !task.nested) continue; // suspended, for as long as its caller likes
      const takenMs = nowMs - sinceMs;
      const learnedMs = this.#times.get(task.routine)?.ms;
      // Of a routine that has never come to its end, what it has taken so far is all that is known.
      if (learnedMs === undefined) times[task.routine] = Math.max(times[task.routine] ?? 0, takenMs);
      ms += Math.max(learnedMs ?? 0, takenMs);
    }
    if (this.#tasks.size > MAX_LOOKED_AT) ms *= this.#tasks.size / MAX_LOOKED_AT;
    for (const [routine, time] of this.#times) {
      if (Math.abs(time.ms - time.toldMs) <= time.toldMs * WORTH_TELLING) continue;
      time.toldMs = time.ms;
      times[routine] = time.ms;
    }
    this.#report({ type: "merino:load", tasks: this.#tasks.size, ms, times });
  }
}
