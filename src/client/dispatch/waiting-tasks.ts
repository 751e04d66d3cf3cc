/**
 * The tasks that wait for a member: root calls in one queue, first come, first served; beside it nested calls
 * that found no worker at all, calls that wait for one member in particular, and calls that some worker has
 * refused and that wait for one not asked yet.
 * Nobody waits behind another's gate, and nobody waits for ever for members that are not there. It chooses
 * no members and settles no call: it says when.
 */

import { Fifo } from "../../internal/fifo.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { OutgoingTask } from "../call/outgoing-task.ts";
import type { Member } from "../members/member.ts";

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
  /** The member with this uid, if it is one. */
  readonly member: (uid: string) => Member | undefined;
  /** Sends the task if some member can take it now, or has it wait for one in particular. False: it goes on waiting. */
  readonly place: (task: OutgoingTask) => boolean;
  /** Fails a refused task for which no member is left. */
  readonly giveUp: (task: OutgoingTask) => void;
  /** Fails tasks for which no member has come in time. */
  readonly expire: (tasks: readonly OutgoingTask[]) => void;
}

/** Tasks that wait. */
export class WaitingTasks {
  readonly #options: WaitingTasksOptions;
  readonly #root = new Fifo<OutgoingTask>();
  /** Never behind root tasks, which may wait for room. */
  readonly #nested = new Fifo<OutgoingTask>();
  /** Each waits for itself: for a member that has not refused it. */
  readonly #refused = new Fifo<OutgoingTask>();
  /** By uid of the member that each waits for. */
  readonly #bound = new Map<string, Fifo<OutgoingTask>>();
  /** When those that are not refused have waited long enough. */
  #expiry: DeadlineEntry | undefined;
  /** When the first of the refused has waited long enough. */
  #refusedCheck: DeadlineEntry | undefined;
  #drainPending = false;

  constructor(options: WaitingTasksOptions) {
    this.#options = options;
  }

  get size(): number {
    let bound = 0;
    for (const queue of this.#bound.values()) bound += queue.size;
    return this.#root.size + this.#nested.size + this.#refused.size + bound;
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

  /** Adds a task that waits for room on one member; others go past it. */
  addBound(task: OutgoingTask, member: Member): void {
    let queue = this.#bound.get(member.uid);
    if (queue === undefined) {
      queue = new Fifo();
      this.#bound.set(member.uid, queue);
    }
    task.queue = queue;
    task.node = queue.push(task);
  }

  /** Takes out a task that has been settled; one that is not here does no harm. */
  withdraw(task: OutgoingTask): void {
    this.#remove(task);
    if (this.size === 0) this.#stopExpecting();
  }

  /**
   * Places what can be placed: members have changed, or have room again.
   *
   * @param member The only one of which this may be true; absent: any.
   */
  drain(member?: Member): void {
    if (this.#bound.size > 0) {
      if (member === undefined) for (const uid of [...this.#bound.keys()]) this.#drainBound(uid);
      else this.#drainBound(member.uid);
    }
    if (this.#nested.size > 0) this.#drainInOrder(this.#nested);
    if (this.#refused.size > 0) this.#drainRefused();
    if (this.#root.size > 0) this.#drainInOrder(this.#root);
  }

  #remove(task: OutgoingTask): void {
    if (task.node !== undefined) task.queue?.remove(task.node);
    task.node = undefined;
    task.queue = undefined;
    this.#stopChecking();
  }

  #stopChecking(): void {
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

  /** A member that is there and has no room is waited for. Without it, each task finds another. */
  #drainBound(uid: string): void {
    const queue = this.#bound.get(uid);
    if (queue === undefined) return;
    const { member, place } = this.#options;
    for (let left = queue.size; left > 0; left--) {
      const task = queue.peek();
      if (task === undefined) break;
      const wanted = member(uid);
      if (wanted?.ready === true && !wanted.draining && !wanted.hasRoom(task.estimate.us)) return;
      this.#remove(task);
      if (!task.settled && !place(task)) this.add(task);
    }
    if (queue.size === 0) this.#bound.delete(uid);
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
      const { node } = task;
      if (task.settled || place(task)) {
        // It may wait elsewhere by now, for one member in particular: that is not to be undone.
        if (node !== undefined) this.#refused.remove(node);
        if (task.node === node) this.#remove(task);
      } else if (!untried(task, "all")) {
        this.#remove(task);
        giveUp(task);
      }
    }
    this.#stopChecking();
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
      const tasks = [...this.#nested.drain(), ...this.#root.drain()];
      for (const task of tasks) {
        task.node = undefined;
        task.queue = undefined;
      }
      expire(tasks);
    });
  }

  #stopExpecting(): void {
    if (this.#expiry !== undefined) deadlines.cancel(this.#expiry);
    this.#expiry = undefined;
  }
}
