/**
 * The budget of what peers make this process hold, for all of them together. When it is nearly full, nothing more is
 * read from those who hold most. They go on one after the other, the one with the least first, so that something always
 * gets done: a turn ends when its peer holds little, and a peer whose turn has brought nothing is ended. Peers on this
 * host are not counted, since they are the user's own.
 */

import { processWide } from "../../internal/process-wide.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";
import { CONNECTION_SHARE, type MemoryLimits, memoryLimits } from "./limits.ts";
import { ConnectionMemory, type MemoryHolder, PeerMemory, type SharedBudget } from "./peer-memory.ts";
import type { ThreadShare } from "./thread-share.ts";

/** From this part of the limit on, those who hold most are not read from: the rest is for the one whose turn it is. */
const FULL_SHARE = 1 / 2;
/** Below this part of that everybody is read from again. */
const RELIEVED_SHARE = 3 / 4;
/** Where a turn has used all of the limit, the next one begins below this part, or a second later. */
const TURN_SHARE = 3 / 4;
/** Those that go on while it is full hold at most this part of the limit together. */
const FREE_SHARE = 1 / 8;
/** The part of the limit that the heads of tasks may take; beyond it tasks are refused. */
const TASK_SHARE = 1 / 4;
/** How often what the other thread holds is looked at, while this one waits for it. */
const LOOK_MS = 50;
/** The part that the values may take which bodies were given. All else makes do with what they leave. */
const ARGUMENT_SHARE = 3 / 4;
const TICK_MS = 1_000;
/** Ticks in which nothing changes in what a peer holds although it is its turn, before it is ended. */
const IDLE_TICKS = 10;
/** Ticks in which no turn comes to anything, before the one who holds most is ended. */
const STUCK_TICKS = 30;
/** Ticks that one turn may take. */
const TURN_TICKS = 60;

/** The part of a budget that a thread has beside another, which does not ask it. */
export interface BudgetShare {
  /** What both may hold together. */
  readonly totalBytes: number;
  /** What this one may hold, whatever the other does. */
  readonly leastBytes: number;
  /** From when on those who hold most are not read from, if that is less than half of what there is room for. */
  readonly fullBytes: number;
}

/** What peers may make a process hold. */
export class MemoryBudget implements SharedBudget {
  #heldBytes = 0;
  /** Whether those who hold most are not read from. */
  full = false;
  /** What the values take up that bodies were given, which are kept for as long as these run. */
  argumentBytes = 0;
  #limits: MemoryLimits;
  readonly #deadlines: DeadlineQueue;
  readonly #peers = new Map<string, PeerMemory>();
  #connections = 0;
  /** Those that are not read from, the one whose turn it is included. */
  readonly #waiting = new Set<PeerMemory>();
  #turn: PeerMemory | undefined;
  #turnBytes = 0;
  #turnTicks = 0;
  #idleTicks = 0;
  #stuckTicks = 0;
  #fairBytes = 0;
  /** The last turn has used all of the limit. */
  #overflowed = false;
  #reviewing = false;
  #nextTick: DeadlineEntry | undefined;
  #nextLook: DeadlineEntry | undefined;
  #thread: ThreadShare | undefined;
  #share: BudgetShare | undefined;

  readonly #review = (): void => {
    this.#reviewing = false;
    if (this.full) this.#reviewWaiting();
  };

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(limits: MemoryLimits, queue: DeadlineQueue = deadlines) {
    this.#limits = limits;
    this.#deadlines = queue;
  }

  /** What they do; only their accounts change it. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  set heldBytes(bytes: number) {
    this.#heldBytes = bytes;
    this.#report();
  }

  get limitBytes(): number {
    return this.#limits.limitBytes;
  }

  get objectWeight(): number {
    return this.#limits.objectWeight;
  }

  /** Bytes that the tasks may take up whose bodies have not ended; beyond them, tasks are refused. */
  get taskBytes(): number {
    return (this.limitBytes * TASK_SHARE) / this.objectWeight;
  }

  /** Bytes that the values may take up which bodies were given; what goes beyond them is refused. */
  get argumentLimit(): number {
    return this.limitBytes * ARGUMENT_SHARE;
  }

  /** What all else may take up. */
  get #roomBytes(): number {
    const { limitBytes, connectionBytes = 0 } = this.#limits;
    const most = Math.max(0, limitBytes - this.argumentBytes);
    const roomBytes = most - Math.min(most * CONNECTION_SHARE, this.#connections * connectionBytes);
    if (this.#share === undefined) return roomBytes;
    const { totalBytes, leastBytes } = this.#share;
    return Math.max(leastBytes, Math.min(roomBytes, totalBytes - (this.#thread?.otherBytes ?? 0)));
  }

  /** From when on it is full: so early that there is still room for somebody's turn when the other thread holds all else. */
  #fullBytes(roomBytes: number): number {
    return Math.min(roomBytes * FULL_SHARE, this.#share?.fullBytes ?? Number.POSITIVE_INFINITY);
  }

  #report(): void {
    this.#thread?.report(this.#heldBytes + this.argumentBytes);
  }

  /** Bodies were given values of so many bytes, or have ended. */
  countArguments(bytes: number): void {
    this.argumentBytes += bytes;
    this.#report();
    if (bytes < 0 && this.full) this.reviewSoon();
  }

  /** How many messages of the largest size one peer may leave unfinished: so many as its turn has room for. */
  openMessages(maxMessage: number): number {
    return Math.max(1, Math.floor((this.limitBytes * (1 - FULL_SHARE)) / maxMessage));
  }

  /** Sets other limits, before it is used. */
  configure(limits: MemoryLimits): void {
    this.#limits = limits;
  }

  /**
   * From now on another thread knows what this one holds, before it is used.
   *
   * @param share What this one has of the budget, if it makes do with what the other leaves.
   */
  join(thread: ThreadShare, share?: BudgetShare): void {
    this.#thread = thread;
    this.#share = share;
  }

  /** Opens the account of a connection. */
  open(peerName: string, holder: MemoryHolder): ConnectionMemory {
    let peer = this.#peers.get(peerName);
    if (peer === undefined) {
      peer = new PeerMemory(peerName);
      this.#peers.set(peerName, peer);
    }
    const memory = new ConnectionMemory(this, peer, holder);
    peer.connections.add(memory);
    this.#connections += 1;
    if (peer.held) holder.holdInput(true);
    return memory;
  }

  /** Takes a closed account off its peer. */
  forget(memory: ConnectionMemory): void {
    const { peer } = memory;
    peer.connections.delete(memory);
    this.#connections -= 1;
    if (peer.connections.size > 0) return;
    this.#peers.delete(peer.name);
    this.#waiting.delete(peer);
    if (this.#turn === peer) this.#turn = undefined;
    if (this.full) this.reviewSoon();
  }

  /** A peer has made it hold more, perhaps. */
  check(peer: PeerMemory): void {
    const roomBytes = this.#roomBytes;
    if (!this.full) {
      if (this.heldBytes >= this.#fullBytes(roomBytes)) this.#fill();
    } else if (peer === this.#turn) {
      if (this.heldBytes >= roomBytes) this.#endTurn();
    } else if (peer.bytes > this.#fairBytes && !peer.waiting) {
      this.#wait(peer);
    }
  }

  /** Somebody holds less: others may go on, though not before the code that is running has finished. */
  reviewSoon(): void {
    if (this.#reviewing) return;
    this.#reviewing = true;
    setImmediate(this.#review);
  }

  #fill(): void {
    this.full = true;
    this.#stuckTicks = 0;
    let holding = 0;
    for (const { bytes } of this.#peers.values()) if (bytes > 0) holding += 1;
    this.#fairBytes = (this.#roomBytes * FREE_SHARE) / Math.max(1, holding);
    for (const peer of this.#peers.values()) if (peer.bytes > this.#fairBytes) this.#wait(peer);
    this.#scheduleTick();
    if (this.#share !== undefined) this.#scheduleLook();
    this.reviewSoon();
  }

  #wait(peer: PeerMemory): void {
    this.#waiting.add(peer);
    peer.waiting = true;
    hold(peer, true);
  }

  #reviewWaiting(): void {
    if (this.heldBytes < this.#fullBytes(this.#roomBytes) * RELIEVED_SHARE) {
      this.#relieve();
      return;
    }
    for (const peer of this.#waiting) if (peer.bytes <= this.#fairBytes) this.#free(peer);
    const below = this.#roomBytes * (this.#overflowed ? TURN_SHARE : 1);
    if (this.#turn === undefined && this.heldBytes < below) this.#beginTurn();
  }

  #relieve(): void {
    this.full = false;
    if (this.#nextTick !== undefined) this.#deadlines.cancel(this.#nextTick);
    if (this.#nextLook !== undefined) this.#deadlines.cancel(this.#nextLook);
    for (const peer of this.#waiting) this.#free(peer);
  }

  #free(peer: PeerMemory): void {
    this.#stuckTicks = 0;
    this.#waiting.delete(peer);
    peer.waiting = false;
    if (this.#turn === peer) this.#turn = undefined;
    hold(peer, false);
  }

  #beginTurn(): void {
    let least: PeerMemory | undefined;
    for (const peer of this.#waiting) if (least === undefined || peer.bytes < least.bytes) least = peer;
    if (least === undefined) return;
    this.#turn = least;
    this.#overflowed = false;
    this.#turnBytes = least.bytes;
    this.#turnTicks = 0;
    this.#idleTicks = 0;
    hold(least, false);
  }

  #endTurn(): void {
    if (this.#turn !== undefined) hold(this.#turn, true);
    this.#turn = undefined;
    this.#overflowed = true;
    this.#idleTicks = 0;
  }

  #scheduleTick(): void {
    this.#nextTick = this.#deadlines.after(TICK_MS, () => this.#tick());
  }

  #scheduleLook(): void {
    this.#nextLook = this.#deadlines.after(LOOK_MS, () => {
      this.#review();
      if (this.full) this.#scheduleLook();
    });
  }

  #tick(): void {
    this.#overflowed = false;
    this.#review();
    if (!this.full) return;
    this.#scheduleTick();
    const turn = this.#turn;
    this.#stuckTicks = turn === undefined || turn.bytes === this.#turnBytes ? this.#stuckTicks + 1 : 0;
    if (this.#stuckTicks >= STUCK_TICKS) {
      this.#stuckTicks = 0;
      this.#end(this.#largest());
      return;
    }
    if (turn === undefined) {
      this.#idleTicks = this.heldBytes < this.#turnBytes ? 0 : this.#idleTicks + 1;
      this.#turnBytes = this.heldBytes;
      if (this.#idleTicks < IDLE_TICKS) return;
      this.#idleTicks = 0;
      this.#end(this.#largest());
      return;
    }
    this.#turnTicks += 1;
    this.#idleTicks = turn.bytes === this.#turnBytes ? this.#idleTicks + 1 : 0;
    this.#turnBytes = turn.bytes;
    if (this.#idleTicks >= IDLE_TICKS || this.#turnTicks >= TURN_TICKS) this.#end(turn);
  }

  #largest(): PeerMemory | undefined {
    let largest: PeerMemory | undefined;
    for (const peer of this.#waiting) if (largest === undefined || peer.bytes > largest.bytes) largest = peer;
    return largest;
  }

  #end(peer: PeerMemory | undefined): void {
    if (peer === undefined) return;
    const problem = `This peer makes the process hold ${peer.bytes} bytes, all peers together ${this.heldBytes} of ${this.limitBytes}, and nothing became of it when it was its turn; send less at a time, and read the answers`;
    for (const { holder } of [...peer.connections]) holder.overdue(problem);
  }
}

function hold(peer: PeerMemory, held: boolean): void {
  peer.held = held;
  for (const { holder } of peer.connections) holder.holdInput(held);
}

/** The budget of this process. */
export function processMemory(): MemoryBudget {
  return processWide("session.memory-budget", () => new MemoryBudget(memoryLimits()));
}
