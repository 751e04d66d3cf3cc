/**
 * What one peer makes this process hold beyond the turn in which it has come: unfinished messages, queued arguments and
 * steps, definitions, signals, answers that it does not read. It only counts; `memory-budget.ts` decides what follows.
 */
import { Standing } from "../../internal/fair-clock.ts";

/**
 * What a byte counts that is with the carrier: it has been copied on its way there, and what is freed does not leave the
 * process at once.
 */
const BACKLOG_WEIGHT = 2;

/** The budget as the accounts see it. */
export interface SharedBudget {
  heldBytes: number;
  readonly full: boolean;
  readonly objectWeight: number;
  /** A peer has made the process hold more, perhaps. */
  check(peer: PeerMemory): void;
  reviewSoon(): void;
  /** Takes a closed account off its peer. */
  forget(memory: ConnectionMemory): void;
}

/** How a connection obeys the budget. */
export interface MemoryHolder {
  /** Reads nothing more from the peer, or goes on. Idempotent. */
  holdInput(held: boolean): void;
  /** Ends the connection: its peer holds too much, and does nothing about it. */
  overdue(problem: string): void;
}

/** All connections of one peer. */
export class PeerMemory {
  readonly name: string;
  readonly connections: Set<ConnectionMemory> = new Set();
  /** Among those that want to be read from. */
  readonly standing: Standing = new Standing();
  bytes = 0;
  /** Of these, answers that it has not read. */
  answerBytes = 0;
  /** Nothing is read from it. */
  held = false;
  /** It is among those who hold most while the budget is full, whether or not it is its turn to be read from. */
  waiting = false;
  /** Bodies that run for it, or will. */
  bodies = 0;
  /** What the heads of their tasks take up. */
  taskBytes = 0;
  /** And the values that they were given. */
  argumentBytes = 0;

  constructor(name: string) {
    this.name = name;
  }

  /** Whether most of what it holds is for it to read: more answers would only add to that. */
  get readsTooLittle(): boolean {
    return this.waiting && this.answerBytes * 2 > this.bytes;
  }
}

/** The account of one connection. */
export class ConnectionMemory {
  readonly peer: PeerMemory;
  readonly holder: MemoryHolder;
  readonly #budget: SharedBudget;
  #bytes = 0;
  #answerBytes = 0;
  #backlogBytes = 0;
  #closed = false;

  constructor(budget: SharedBudget, peer: PeerMemory, holder: MemoryHolder) {
    this.#budget = budget;
    this.peer = peer;
    this.holder = holder;
  }

  /** Bytes of payloads are kept. */
  add(bytes: number): void {
    if (this.#closed) return;
    this.#bytes += bytes;
    this.peer.bytes += bytes;
    this.#budget.heldBytes += bytes;
  }

  /** They are not kept any more. */
  drop(bytes: number): void {
    if (this.#closed) return;
    this.#bytes -= bytes;
    this.peer.bytes -= bytes;
    this.#budget.heldBytes -= bytes;
    if (this.#budget.full) this.#budget.reviewSoon();
  }

  /** What so many bytes of objects in the heap count. */
  weigh(objectBytes: number): number {
    return Math.ceil(objectBytes * this.#budget.objectWeight);
  }

  /** Bytes of answers wait for the peer. */
  addAnswers(bytes: number): void {
    if (this.#closed) return;
    this.#answerBytes += bytes;
    this.peer.answerBytes += bytes;
    this.add(bytes);
  }

  dropAnswers(bytes: number): void {
    if (this.#closed) return;
    this.#answerBytes -= bytes;
    this.peer.answerBytes -= bytes;
    this.drop(bytes);
  }

  /** So many bytes are with the carrier and have not left. */
  setBacklog(bytes: number): void {
    const counted = bytes * BACKLOG_WEIGHT;
    const more = counted - this.#backlogBytes;
    if (more === 0 || this.#closed) return;
    this.#backlogBytes = counted;
    if (more > 0) this.addAnswers(more);
    else this.dropAnswers(-more);
  }

  /** A batch has been read or sent: the budget may be full now. */
  check(): void {
    if (this.peer.bytes > 0) this.#budget.check(this.peer);
  }

  /** The connection is over, and holds nothing. */
  close(): void {
    if (this.#closed) return;
    this.dropAnswers(this.#answerBytes);
    this.drop(this.#bytes);
    this.#closed = true;
    this.#budget.forget(this);
  }
}
