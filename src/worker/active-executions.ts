/**
 * The executions of one worker that are not over, and the bodies that go on after theirs: counts them, gives root
 * tasks their permits, and says whether there is room for another task, and whether there is anything to do. It starts
 * and ends none by itself, except that it can end all. A body that runs has its place until it has come to its end, whatever has become of its caller.
 */
import { AwaitableSet, type Listed } from "../internal/awaitable-set.ts";
import type { ArgumentRoom, ValueHolder } from "../session/memory/argument-room.ts";
import type { MemoryBudget } from "../session/memory/memory-budget.ts";
import type { Activity } from "./activity.ts";
import { type ResourceHolder, WorkerResources } from "./resources/worker-resources.ts";
import { type LimitedExecution, RoutineBodies } from "./routine-bodies.ts";
import type { MeteredTask, TaskMeter } from "./task-meter.ts";

/** From this part on, what is left is for callers that do not have most of it already. */
const OTHERS_FROM = 3 / 4;
/** Who takes up more than this part of what there is, places or bytes, has much of it: a few such callers can fill it. */
const MUCH = 1 / 64;

/** What a caller on the network has here. */
interface CallerAccount {
  bodies: number;
  taskBytes: number;
  argumentBytes: number;
}

/** A task as far as it is counted. */
export interface ActiveTask extends ValueHolder, ResourceHolder {
  readonly routine: string;
  readonly nested: boolean;
  /** What its head takes up. */
  readonly heldBytes: number;
  /** The caller's account; absent for one on this host. */
  readonly memory: CallerAccount | undefined;
  workerDrains(): void;
}

/** An execution as far as it is counted. */
export interface ActiveExecution extends Listed, LimitedExecution, MeteredTask {
  /** Whether it has one of the places of root tasks; set here only. */
  permit: boolean;
  readonly task: ActiveTask;
  stop(reason: unknown): void;
  forsake(): void;
  /** Refuses the task, if its body could have started and has not. */
  decline(code: number, reason: string): void;
}

/** What there is room for. */
export interface ActiveExecutionsOptions {
  /** The largest number of root tasks whose bodies may run at a time. */
  readonly maxRootTasks: number;
  /** Of the values of tasks; gets back what they have taken of it. */
  readonly room: Pick<ArgumentRoom, "isFull" | "release">;
  /** Of the heads of tasks. */
  readonly budget: Pick<MemoryBudget, "taskBytes">;
  /** Told when there is something to do, and when there is not; absent: nobody asks. */
  readonly activity: Activity | undefined;
  /** Told of each task; absent: nobody measures them. */
  readonly meter?: TaskMeter | undefined;
  /** What the worker has; absent: nothing. */
  readonly resources?: WorkerResources | undefined;
}

/** The executions on one worker. */
export class ActiveExecutions {
  /** The bodies of routines that have a limit. */
  readonly routines: RoutineBodies = new RoutineBodies();
  /** What the bodies hold. */
  readonly resources: WorkerResources;
  readonly #options: ActiveExecutionsOptions;
  readonly #running = new AwaitableSet<ActiveExecution>();
  /** Over, since their callers are gone; their bodies still run. */
  readonly #orphans = new Set<ActiveExecution>();
  #permits = 0;
  #heldBytes = 0;
  #reservations = 0;
  #busy = false;

  constructor(options: ActiveExecutionsOptions) {
    this.#options = options;
    this.resources = options.resources ?? new WorkerResources();
  }

  /** There is a reservation more, or one fewer, whose resources are kept. */
  reserved(change: 1 | -1): void {
    this.#reservations += change;
    this.#noteActivity();
  }

  /** Tasks accepted and not over. */
  get size(): number {
    return this.#running.size;
  }

  /** Those, and tasks that are over whose bodies still run. */
  get bodies(): number {
    return this.#running.size + this.#orphans.size;
  }

  /** Places taken by the bodies of root tasks, orphaned ones included; a generator suspended at a yield takes none. */
  get permits(): number {
    return this.#permits;
  }

  /** Bytes that the tasks take up whose bodies may run, as far as callers on the network have sent them. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /**
   * Whether there is no room for another task.
   *
   * @param caller Whoever has sent it; absent for one on this host.
   * @returns How many tasks there are, if there is none.
   */
  excess(kind: "root" | "nested", caller: CallerAccount | undefined): number | undefined {
    const { maxRootTasks, room, budget } = this.#options;
    if (caller !== undefined) {
      const { taskBytes } = budget;
      if (isFull(this.#heldBytes, taskBytes, caller.taskBytes) || room.isFull(caller)) return this.bodies;
    }
    if (kind === "root") {
      return isFull(this.#permits, maxRootTasks, caller?.bodies ?? 0) ? this.#permits : undefined;
    }
    // Any caller on the network can claim that its call is nested; such calls are bounded like all others, only later.
    const isTooMuch = caller !== undefined && isFull(this.bodies, 2 * maxRootTasks, caller.bodies);
    return isTooMuch ? this.bodies : undefined;
  }

  /** A task has been accepted. */
  add(execution: ActiveExecution): void {
    this.#running.add(execution);
    this.#options.meter?.began(execution);
    this.#count(execution.task, 1);
    this.#noteActivity();
    this.takePermit(execution);
  }

  /**
   * Goes on with another execution of the same task.
   *
   * @returns False if the task is over.
   */
  replace(execution: ActiveExecution, successor: ActiveExecution): boolean {
    if (!this.#running.has(execution)) return false;
    this.#running.add(successor); // first, so that nobody who waits for the last to be over takes this for it
    this.#running.delete(execution);
    successor.permit = execution.permit;
    successor.sinceMs = execution.sinceMs;
    execution.permit = false;
    return true;
  }

  /** It takes a place, unless it has one or needs none. */
  takePermit(execution: ActiveExecution): void {
    if (execution.permit || execution.task.nested) return;
    execution.permit = true;
    this.#permits += 1;
  }

  /** It gives its place back, if it has one. */
  releasePermit(execution: ActiveExecution): void {
    if (!execution.permit) return;
    execution.permit = false;
    this.#permits -= 1;
  }

  /** The terminal frame has been written, or can no longer be. */
  ended(execution: ActiveExecution): void {
    if (!this.#running.delete(execution)) return;
    this.#options.meter?.ended(execution);
    this.#count(execution.task, -1);
    this.#noteActivity();
    this.releasePermit(execution);
    if (execution.limited !== undefined) this.routines.release(execution);
    if (execution.task.holding !== undefined) this.resources.release(execution.task);
  }

  /** The caller is gone, so that the task is over; the body goes on, and with it its place. */
  orphaned(execution: ActiveExecution): void {
    if (!this.#running.has(execution)) return;
    this.#orphans.add(execution);
    this.takePermit(execution); // a generator that was suspended runs its finally blocks
    this.#running.delete(execution);
    this.#noteActivity();
  }

  /** The body of a task that is over has come to its end; without meaning for one that was not orphaned. */
  bodyEnded(execution: ActiveExecution): void {
    if (!this.#orphans.delete(execution)) return;
    this.#options.meter?.ended(execution);
    this.#count(execution.task, -1);
    this.releasePermit(execution);
    if (execution.limited !== undefined) this.routines.release(execution);
    if (execution.task.holding !== undefined) this.resources.release(execution.task);
    this.#noteActivity();
  }

  /** Resolves when no task is under way. */
  idle(): Promise<void> {
    return this.#running.emptied();
  }

  /** Tells every task whose body may run that its worker has begun to end. */
  workerDrains(): void {
    for (const { task } of [...this.#running, ...this.#orphans]) task.workerDrains();
  }

  /** Ends every task, since the worker ends: those queued never start, those running see their signals fire. */
  stopAll(reason: unknown): void {
    for (const execution of [...this.#running]) execution.stop(reason);
  }

  /** Answers every task that has not ended: its body is not waited for any longer. */
  forsakeAll(): void {
    for (const execution of [...this.#running]) execution.forsake();
  }

  /** Refuses the tasks whose bodies have not started. */
  declineAll(code: number, reason: string): void {
    for (const execution of [...this.#running]) execution.decline(code, reason);
  }

  #count(task: ActiveTask, sign: 1 | -1): void {
    const { heldBytes, memory } = task;
    if (memory === undefined) return;
    if (sign < 0) this.#options.room.release(task);
    this.#heldBytes += sign * heldBytes;
    memory.bodies += sign;
    memory.taskBytes += sign * heldBytes;
  }

  #noteActivity(): void {
    const busy = this.bodies + this.#reservations > 0;
    if (busy === this.#busy) return;
    this.#busy = busy;
    if (busy) this.#options.activity?.busy();
    else this.#options.activity?.idle();
  }
}

/**
 * Whether there is no more room for a caller.
 *
 * @param own What of that which is present is the caller's own. Who has much finds no room in the last quarter, which is
 *   for the others; one thing is never much.
 */
function isFull(present: number, limit: number, own: number): boolean {
  return present >= (own > Math.max(1, limit * MUCH) ? Math.ceil(limit * OTHERS_FROM) : limit);
}
