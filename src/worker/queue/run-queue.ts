/**
 * The order in which bodies run on the worker's thread: by priority and then first come, first served, though of callers
 * on the network the one that has taken the least time: what one asks for orders its own calls only. The loop turns
 * between bodies once a millisecond has passed, so that results leave and cancellations arrive
 * while a batch is being worked off.
 */
import type { Listed } from "../../internal/awaitable-set.ts";
import type { FifoNode } from "../../internal/fifo.ts";
import type { QueuePlace } from "../../internal/queue/priority-order.ts";
import { PriorityQueue, type Queued } from "../../internal/queue/priority-queue.ts";
import type { ServerSession } from "../../session/server-session.ts";
import type { IncomingTask } from "../incoming-task.ts";
import { FairQueue, type Readable } from "./fair-queue.ts";
import { TurnMeter } from "./turn-meter.ts";

/** Bodies known to be shorter than this run without a flush before them. */
const LONG_BODY_US = 250;
/** How long bodies run before the loop turns. */
const TURN_MS = 1;

/** More than any two priorities differ by. */
const NESTED_ABOVE = 2 ** 32;

/** Something that occupies the thread for a while: the start of a body, or one step of a generator. */
export interface Runnable extends Readable {
  /** How long it is expected to occupy the thread, in microseconds; `undefined` when nothing is known. */
  readonly expectedUs: number | undefined;
  /** For whom it runs, if others must not wait for all that this one has sent. */
  readonly source: object | undefined;
  /** Whether its caller is told before it runs, however short it is. */
  readonly tellsStart: boolean;
  /** Tells the caller that the body is about to run, unless the caller knows; called only before long bodies, those that
   * went past others, and where the caller wants to know. */
  announce(): void;
  /** Runs until it first suspends. */
  run(): void;
}

/** An execution as the queue and the counts of its worker see it: whose it is, before which others it goes, its places. */
export abstract class QueuedExecution implements Queued {
  readonly task: IncomingTask;
  readonly session: ServerSession;
  readonly stream: number;

  // Fields that other classes keep here: each is written only by the class that is named.
  /** Whether it has one of the places of root tasks: `ActiveExecutions`. */
  permit = false;
  /** Its place among those that are not over: `AwaitableSet`. */
  listed: FifoNode<Listed> | undefined;
  /** Identity of the routine among whose bodies it has a place: `RoutineBodies`. */
  limited: string | undefined;
  /** Its place while it waits for its turn: `PriorityQueue`. */
  queuePlace: QueuePlace | undefined;

  constructor(task: IncomingTask) {
    this.task = task;
    this.session = task.session;
    this.stream = task.stream;
  }

  get priority(): number {
    return this.task.priority;
  }

  /** Nested ones go before all others. */
  get rank(): number {
    return this.task.nested ? this.task.priority + NESTED_ABOVE : this.task.priority;
  }

  /** Whether its caller counts the time from its beginning, and is told of that. */
  get tellsStart(): boolean {
    return this.task.runTimeoutUs > 0;
  }

  /** The caller on the network of which the others must not wait for all that it has sent. */
  get source(): object | undefined {
    return this.session.connection.memory?.peer;
  }
}

/** Where the answers of bodies go. */
export interface RunOutput {
  /** Whether answers have been written that have not been sent. */
  hasUnsent(): boolean;
  /** Sends everything that has been written. */
  flush(): void;
}

/** Runs what is queued, in order. */
export class RunQueue {
  /** What has no source: everything, in a worker without callers on the network. */
  readonly #local = new PriorityQueue<Runnable>();
  /** All of them, once something with a source has come. */
  #fair: FairQueue<Runnable> | undefined;
  readonly #createMeter: () => TurnMeter;
  /** Measures what has a source; there from then on. */
  #meter: TurnMeter | undefined;
  readonly #output: RunOutput;
  #markMs = 0;
  /** No answer that has not been sent was written before this. */
  #sentMs = 0;
  #turnPending = false;
  #draining = false;
  #kicked = false;
  /** Whether an immediate is draining. */
  #inTurn = false;

  readonly #kickedDrain = (): void => {
    this.#kicked = false;
    this.drain();
  };

  readonly #afterInput = (): void => {
    setImmediate(this.#nextTurn);
  };

  readonly #nextTurn = (): void => {
    this.#turnPending = false;
    this.#inTurn = true;
    try {
      this.drain();
    } finally {
      this.#inTurn = false;
    }
  };

  /** @param createMeter Called once something with a source has come. */
  constructor(output: RunOutput, createMeter: () => TurnMeter = () => new TurnMeter()) {
    this.#output = output;
    this.#createMeter = createMeter;
  }

  /** Queues it. Whoever ends it before its turn takes it out with `leaveQueue`. */
  push(job: Runnable): void {
    const { source } = job;
    if (source === undefined) {
      this.#local.push(job);
      return;
    }
    this.#fair ??= new FairQueue(this.#local);
    this.#meter ??= this.#createMeter();
    this.#fair.push(job, source);
  }

  get #empty(): boolean {
    return this.#local.size === 0 && this.#fair?.empty !== false;
  }

  #shift(): Runnable | undefined {
    return this.#fair === undefined ? this.#local.shift() : this.#fair.shift();
  }

  /**
   * Whether the one taken last went past another one of its caller, which therefore has to be told: it takes those that
   * it has not heard of to begin in the order in which it has sent them.
   */
  get #overtook(): boolean {
    return this.#fair === undefined ? this.#local.overtook : this.#fair.overtook;
  }

  /** When the last mark was set: about now, for what has just been given its turn. */
  get markedMs(): number {
    return this.#markMs;
  }

  /**
   * Microseconds since the last mark, at least 1; sets the mark. An execution calls it when the synchronous
   * part is over, which attributes to it exactly the time it occupied the thread.
   */
  mark(): number {
    const now = performance.now();
    const us = (now - this.#markMs) * 1000;
    this.#markMs = now;
    return us < 1 ? 1 : us > 0xffff_ffff ? 0xffff_ffff : Math.round(us);
  }

  /**
   * Runs what is queued, for at most about a millisecond; what is left follows in the next turn. A result that was
   * written more than a millisecond ago is sent before the next body starts.
   */
  drain(): void {
    if (this.#draining || this.#turnPending || this.#empty) return;
    this.#draining = true;
    const startMs = performance.now();
    this.#markMs = startMs;
    if (!this.#output.hasUnsent()) this.#sentMs = startMs;
    else if (startMs - this.#sentMs > TURN_MS) this.#send(startMs);
    try {
      for (let job = this.#shift(); job !== undefined; job = this.#shift()) {
        const expected = job.expectedUs;
        if (expected === undefined || expected > LONG_BODY_US || job.tellsStart || this.#overtook) {
          job.announce();
          this.#output.flush();
          this.#markMs = performance.now();
          this.#sentMs = this.#markMs;
        }
        const { source } = job;
        if (source === undefined) job.run();
        else this.#runFor(source, job);
        const isOver = this.#markMs - startMs > TURN_MS;
        // What others on the network have sent in the same turn is read first, also where nothing is left now.
        if (this.#empty && !(isOver && this.#fair !== undefined)) return;
        if (isOver) {
          this.#turnPending = true;
          this.#output.flush();
          // Immediates run before the loop looks for input again, except those set by an immediate.
          setImmediate(this.#inTurn ? this.#nextTurn : this.#afterInput);
          return;
        }
        if (this.#markMs - this.#sentMs > TURN_MS) this.#send(this.#markMs);
      }
    } finally {
      this.#draining = false;
    }
  }

  /** Runs what somebody on the network has sent, at whose expense it is. */
  #runFor(source: object, job: Runnable): void {
    const { unreadBytes } = job;
    const beganMs = performance.now();
    this.#meter?.begin(beganMs);
    job.run();
    const endedMs = performance.now();
    const giveBack = (ms: number): void => this.#fair?.giveBack(source, ms);
    this.#fair?.charge(source, this.#meter?.end(beganMs, endedMs, giveBack) ?? 0, unreadBytes);
    if (this.#markMs <= beganMs) this.#markMs = endedMs; // it was refused: its time is nobody's body
  }

  #send(nowMs: number): void {
    this.#output.flush();
    this.#sentMs = nowMs;
  }

  /** Drains once the code that is running has finished: for work that became ready outside a batch. */
  kick(): void {
    if (this.#draining || this.#turnPending || this.#kicked) return;
    this.#kicked = true;
    queueMicrotask(this.#kickedDrain);
  }
}
