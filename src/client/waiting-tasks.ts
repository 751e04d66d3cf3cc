/**
 * The tasks that wait for a member: root calls in one queue, first come, first served; beside it nested calls
 * that found no worker at all, and calls that some worker has refused and that wait for one not asked yet.
 * Nobody waits behind another's gate, and nobody waits for ever for members that are not there. It chooses
 * no members and settles no call: it says when.
 */
import { type DeadlineEntry, deadlines } from "../internal/deadline-queue.ts";
import { Fifo } from "../internal/fifo.ts";
import type { OutgoingTask } from "./outgoing-task.ts";

/** What waiting needs to know about the members, and what ends it. */
export interface WaitingTasksOptions {
  /** How long tasks wait for a member when there is none for them, in milliseconds. */
  readonly timeoutMs: number;
  /** Whether a member is there that takes root calls, now or when it has room. */
  readonly anyTaker: () => boolean;
  /** Whether a member may still come. If not, there is nothing to wait for. */
  readonly memberDue: () => boolean;
  /** Whether a member, or a ready one, is left that has not refused the task and may still take it. */
  readonly untried: (task: OutgoingTask, among: "all" | "ready") => boolean;
  /** Sends the task if some member can take it now. False: it goes on waiting. */
  readonly place: (task: OutgoingTask) => boolean;
  /** Fails a refused task for which no member is left. */
  readonly giveUp: (task: OutgoingTask) => void;
  /** Fails a task for which no member has come in time. */
  readonly expire: (task: OutgoingTask) => void;
}

/** Tasks that wait. */
export class WaitingTasks {
  readonly #options: WaitingTasksOptions;
  readonly #root = new Fifo<OutgoingTask>();
  /** Never behind root tasks, which may wait for room. */
  readonly #nested = new Fifo<OutgoingTask>();
  /** Each waits for itself: for a member that has not refused it. */
  readonly #refused = new Fifo<OutgoingTask>();
  /** When those that are not refused have waited long enough. */
  #expiry: DeadlineEntry | undefined;
  /** When the first of the refused has waited long enough. */
  #refusedCheck: DeadlineEntry | undefined;
  #drainPending = false;

  constructor(options: WaitingTasksOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#root.size + this.#nested.size + this.#refused.size;
  }

  /** Whether a new task has to wait behind others. */
  precede(task: OutgoingTask): boolean {
    return !task.nested && this.#root.size > 0;
  }

  /** Adds a task behind the others. */
  add(task: OutgoingTask): void {
    task.queue = task.nested ? this.#nested : this.#root;
    task.node = task.queue.push(task);
    this.#expectMembers();
  }

  /** Adds a task that has had its turn before: it is the next. */
  addFirst(task: OutgoingTask): void {
    task.queue = task.nested ? this.#nested : this.#root;
    task.node = task.queue.unshift(task);
    this.#expectMembers();
    this.#drainSoon();
  }

  /** Adds a task that some member has refused and that another one, without room or connecting, may take. */
  addRefused(task: OutgoingTask): void {
    const { timeoutMs } = this.#options;
    task.refusedMs = deadlines.now();
    task.queue = this.#refused;
    task.node = task.queue.push(task);
    this.#refusedCheck ??= deadlines.add(task.refusedMs + timeoutMs, () => this.#checkRefused());
  }

  /** Takes out a task that has been settled; one that is not here does no harm. */
  withdraw(task: OutgoingTask): void {
    this.#remove(task);
    if (this.size === 0) this.#stopExpecting();
  }

  /** Places what can be placed: members have changed, or have room again. */
  drain(): void {
    if (this.#nested.size > 0) this.#drainInOrder(this.#nested);
    if (this.#refused.size > 0) this.#drainRefused();
    if (this.#root.size > 0) this.#drainInOrder(this.#root);
  }

  #remove(task: OutgoingTask): void {
    if (task.node !== undefined) task.queue?.remove(task.node);
    task.node = undefined;
    task.queue = undefined;
    if (this.#refusedCheck === undefined || this.#refused.size > 0) return;
    deadlines.cancel(this.#refusedCheck);
    this.#refusedCheck = undefined;
  }

  #drainSoon(): void {
    if (this.#drainPending) return;
    this.#drainPending = true;
    queueMicrotask(() => {
      this.#drainPending = false;
      this.drain();
    });
  }

  #drainInOrder(queue: Fifo<OutgoingTask>): void {
    for (let task = queue.peek(); task !== undefined; task = queue.peek()) {
      const { node } = task;
      if (!task.settled && !this.#options.place(task)) break;
      if (node !== undefined) queue.remove(node);
      if (task.node === node) this.#remove(task);
    }
    if (this.size === 0 || this.#options.anyTaker()) this.#stopExpecting();
    else this.#expectMembers();
  }

  /** Each for itself: what one waits for says nothing about the next. */
  #drainRefused(): void {
    const { place, untried, giveUp } = this.#options;
    for (const task of this.#refused) {
      if (task.settled || place(task)) this.#remove(task);
      else if (!untried(task, "all")) {
        this.#remove(task);
        giveUp(task);
      }
    }
  }

  /** Ends the wait of refused tasks for members that are not there. One that is, and busy, is waited for. */
  #checkRefused(): void {
    const now = deadlines.now();
    const { timeoutMs, untried, giveUp } = this.#options;
    let nextMs = now + timeoutMs;
    this.#refusedCheck = undefined;
    for (const task of this.#refused) {
      const dueMs = task.refusedMs + timeoutMs;
      if (dueMs > now) {
        nextMs = Math.min(nextMs, dueMs);
        break;
      }
      if (untried(task, "ready")) continue;
      this.#remove(task);
      giveUp(task);
    }
    if (this.#refused.size > 0) this.#refusedCheck = deadlines.add(nextMs, () => this.#checkRefused());
  }

  /** While nobody is there to take calls, they wait, but not for ever. */
  #expectMembers(): void {
    const { timeoutMs, memberDue, anyTaker, expire } = this.#options;
    if (anyTaker()) return;
    const hopeless = !memberDue();
    if (this.#expiry !== undefined && !hopeless) return;
    this.#stopExpecting();
    this.#expiry = deadlines.add(deadlines.now() + (hopeless ? 0 : timeoutMs), () => {
      this.#expiry = undefined;
      if (anyTaker()) return;
      for (const task of [...this.#nested.drain(), ...this.#root.drain()]) {
        task.node = undefined;
        task.queue = undefined;
        expire(task);
      }
    });
  }

  #stopExpecting(): void {
    if (this.#expiry !== undefined) deadlines.cancel(this.#expiry);
    this.#expiry = undefined;
  }
}
