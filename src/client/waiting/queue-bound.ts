/**
 * How many calls may wait in a pool, and what becomes of further ones: each fails at once, or is held before it is made,
 * for as long as it would have to wait behind others. Also tells who waits for that until no call waits any more. Calls
 * made inside tasks are not counted out: they never wait for room. Nor are those that come back from a worker, unless all
 * workers are full and the call has never waited: else a pool whose workers are busy with others' calls would keep any number.
 *
 * Before a call is made, nobody knows whether it will wait for one member in particular, for a thread, or for a transfer.
 * Those that turn out to, and generators, whose calls are made before their first step, wait beyond the bound.
 */

import { QueueFullError } from "../../errors/queue-full-error.ts";
import type { Amounts } from "../../internal/amounts.ts";
import type { Call } from "../call/call.ts";
import type { PlacedRequest } from "../call/placed-request.ts";
import type { RoutineLimit, RoutineLimits } from "../members/routine-limits.ts";
import { byArrival, CallQueue } from "./call-queue.ts";
import { HeldCall } from "./held-call.ts";

/** What happens to a call when as many wait as may: it fails with `QueueFullError`, or waits itself for a place. */
export type Overflow = "reject" | "wait";

/** What is told of a queue with a bound. */
export type QueueEvent =
  /** As many calls wait as may: the first since then has been refused, or is held. */
  | { readonly type: "queue-full"; readonly queued: number; readonly overflow: Overflow }
  /** No call waits any more in a queue that was full. */
  | { readonly type: "queue-drained" };

/** Told of a queue. */
export interface QueueEventSink {
  queueChanged?(event: QueueEvent): void;
}

/** Settings and surroundings of a bound. */
export interface QueueBoundOptions {
  /** Calls that may wait; absent: any number. */
  readonly maxQueue: number | undefined;
  readonly overflow: Overflow;
  /** How many wait, those not counted that have not been made. */
  readonly queued: () => number;
  /** The limits of routines, and what they need, as far as is known. */
  readonly limits: Pick<RoutineLimits, "of" | "needsOf">;
  /** Whether calls wait before one of this line. */
  readonly inLine: (line: Line) => boolean;
  readonly events?: QueueEventSink | undefined;
}

/** So many may wait beyond the bound, whatever that is; else as many as within it. */
const MIN_BEYOND = 16;

/** What calls that have not been made may wait for in particular: room on one worker, by its uid, their limit, or resources. */
export type Line = RoutineLimit | NeedyLine | string | undefined;

/** Those of a routine that needs resources. */
interface NeedyLine {
  readonly limit: RoutineLimit | undefined;
  readonly needs: Amounts;
}

/** The bound of one queue. */
export class QueueBound {
  /** Whether anybody waits for the queue to become shorter. Every call that leaves it asks this. */
  watched = false;
  /** Whether calls are held. Every call asks this. */
  readonly mayHold: boolean;
  readonly #options: QueueBoundOptions;
  /** Not made yet; only those of one line hold each other up, and those that wait for room alone all of them. */
  readonly #lines = new Map<Line, CallQueue<HeldCall>>();
  /** By what the routine needs. */
  readonly #needy = new WeakMap<Amounts, NeedyLine>();
  /** Those that have been given a place and are just being made. */
  readonly #admitted = new Set<HeldCall>();
  #waiting: Array<() => void> = [];
  /** Those who wait until all are made. */
  #making: Array<() => void> = [];
  #full = false;
  #checking = false;

  constructor(options: QueueBoundOptions) {
    this.#options = options;
    this.mayHold = options.maxQueue !== undefined && options.overflow === "wait";
  }

  /** Calls that may wait; absent: any number. */
  get maxQueue(): number | undefined {
    return this.#options.maxQueue;
  }

  /** Calls that are held, or wait beyond the bound. */
  get held(): number {
    return this.unmade + this.beyond;
  }

  /** Calls that have not been made. */
  get unmade(): number {
    let { size } = this.#admitted;
    for (const line of this.#lines.values()) size += line.size;
    return size;
  }

  /** Calls that have been made and wait, though as many others do as may. */
  get beyond(): number {
    return this.mayHold ? Math.max(0, this.#options.queued() - (this.maxQueue ?? 0)) : 0;
  }

  /** The one that has been held longest, in milliseconds since; 0 without one. */
  get heldMs(): number {
    let sinceMs = Number.POSITIVE_INFINITY;
    for (const line of this.#lines.values()) sinceMs = Math.min(sinceMs, line.oldest()?.sinceMs ?? sinceMs);
    return Number.isFinite(sinceMs) ? performance.now() - sinceMs : 0;
  }

  /** Whether a call that comes now is to be held before it is made. */
  holds(request: PlacedRequest): boolean {
    if (!this.mayHold || request.parent !== undefined) return false;
    if (this.#lines.size === 0 && !this.#isFull()) return false;
    return this.#waitsIn(this.#lineOf(request)) && (this.#lines.size > 0 || this.#isFull());
  }

  /** Holds a call that has not been made. */
  hold(request: PlacedRequest): HeldCall {
    const held = new HeldCall(request);
    if (!held.isOver) {
      this.#queue(held);
      this.#overflows();
      this.check(); // there may be a place by now
    }
    return held;
  }

  /** A call that has been held is being made, or has ended before. */
  release(held: HeldCall): void {
    this.#admitted.delete(held);
    this.check();
  }

  /** Whether a call that has to wait may. If it may not, it has failed. */
  admits(call: Call): boolean {
    const { maxQueue, overflow } = this.#options;
    if (maxQueue === undefined || call.nested || call.waitsSinceMs > 0 || call.lastUid !== "") return true;
    if (!this.#isFull()) return true;
    this.#overflows();
    if (overflow === "reject") call.fail(new QueueFullError(call.routine, maxQueue));
    return overflow === "wait";
  }

  /** Whether a call that all workers have refused as full may wait. One that has waited before may; another that may not has failed. */
  admitsRefused(call: Call): boolean {
    const { maxQueue, overflow } = this.#options;
    if (maxQueue === undefined || overflow === "wait" || call.waitsSinceMs > 0 || !this.#isFull())
      return true;
    this.#overflows();
    call.fail(new QueueFullError(call.routine, maxQueue));
    return false;
  }

  /** Resolves when no call waits. */
  drained(): Promise<void> {
    if (this.#isDrained()) return Promise.resolve();
    this.watched = true;
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** Resolves when none is held that has not been made. */
  allMade(): Promise<void> {
    if (this.unmade === 0) return Promise.resolve();
    this.watched = true;
    return new Promise((resolve) => this.#making.push(resolve));
  }

  /** Looks, once the code that is running has finished, whether there is a place, or nobody waits any more. */
  check(): void {
    this.watched = true;
    if (this.#checking) return;
    this.#checking = true;
    queueMicrotask(() => {
      this.#checking = false;
      this.#look();
    });
  }

  /** Ends those that have not been made. */
  abortAll(makeReason: () => unknown): void {
    for (const held of this.#drain()) held.abort(makeReason());
  }

  /** Fails those that have not been made. */
  failAll(makeError: () => Error): void {
    for (const held of this.#drain()) held.fail(makeError());
  }

  #look(): void {
    for (let held = this.#next(); held !== undefined; held = this.#next()) {
      this.#admitted.add(held);
      held.admit(); // which takes it out of its line
    }
    if (this.unmade === 0) {
      const making = this.#making;
      this.#making = [];
      for (const resolve of making) resolve();
    }
    if (this.#isDrained()) {
      const waiting = this.#waiting;
      this.#waiting = [];
      for (const resolve of waiting) resolve();
      if (this.#full) this.#options.events?.queueChanged?.({ type: "queue-drained" });
      this.#full = false;
    }
    this.watched = this.#full || this.#waiting.length > 0 || this.held > 0;
  }

  /** The call that is to be made now: there is a place for it, or nobody waits before it. */
  #next(): HeldCall | undefined {
    const full = this.#isFull();
    // One at a time goes past a full queue: where it waits then is seen once it has been made.
    if (full && this.#admitted.size > 0) return undefined;
    let next: HeldCall | undefined;
    for (const [line, calls] of this.#lines) {
      const first = this.#firstOf(line, calls);
      if (first === undefined) this.#lines.delete(line);
      else if (full && this.#waitsFor(line)) continue;
      else if (next === undefined || isBefore(first, next)) next = first;
    }
    return next;
  }

  /** The first of a line. Of those that ask for room alone some may have a limit by now: they change over. */
  #firstOf(line: Line, calls: CallQueue<HeldCall>): HeldCall | undefined {
    let first = calls.peek();
    while (first !== undefined && line === undefined && this.#lineOf(first.request) !== undefined) {
      calls.take(first);
      this.#queue(first);
      first = calls.peek();
    }
    return first;
  }

  #queue(held: HeldCall): void {
    const line = this.#lineOf(held.request);
    let calls = this.#lines.get(line);
    if (calls === undefined) {
      calls = new CallQueue();
      this.#lines.set(line, calls);
    }
    calls.push(held);
  }

  #lineOf({ definition, only, within }: PlacedRequest): Line {
    const { limits } = this.#options;
    const uid = only ?? within?.uid;
    if (uid !== undefined) return uid;
    const limit = limits.of(definition);
    const needs = definition.needs ?? limits.needsOf(definition);
    if (needs === undefined) return limit;
    let line = this.#needy.get(needs);
    if (line?.limit !== limit) line = undefined;
    if (line === undefined) {
      line = { limit, needs };
      this.#needy.set(needs, line);
    }
    return line;
  }

  /** Whether a new call of a line would have to wait: behind calls that have been made, or that have not. */
  #waitsIn(line: Line): boolean {
    if (this.#waitsFor(line)) return true;
    if ((this.#lines.get(line)?.size ?? 0) > 0) return true;
    return typeof line !== "string" && (this.#lines.get(undefined)?.size ?? 0) > 0;
  }

  /** Whether calls that have been made wait before the first of a line, or too many wait beyond the bound. */
  #waitsFor(line: Line): boolean {
    if (this.#options.inLine(line)) return true;
    return this.beyond >= Math.max(MIN_BEYOND, this.maxQueue ?? 0);
  }

  #drain(): HeldCall[] {
    const all = [...this.#lines.values()].flatMap((line) => line.drain());
    this.#lines.clear();
    return all;
  }

  #isFull(): boolean {
    const { maxQueue = Number.POSITIVE_INFINITY, queued } = this.#options;
    return queued() + this.#admitted.size >= maxQueue;
  }

  #isDrained(): boolean {
    return this.held === 0 && this.#options.queued() === 0;
  }

  #overflows(): void {
    this.watched = true;
    if (this.#full) return;
    this.#full = true;
    const { overflow, queued, events } = this.#options;
    events?.queueChanged?.({ type: "queue-full", queued: queued() - this.beyond, overflow });
  }
}

function isBefore(one: HeldCall, other: HeldCall): boolean {
  return one.rank === other.rank ? byArrival(one, other) < 0 : one.rank > other.rank;
}
