/**
 * What is known of the resources of one member: how much it has, as its record says, how much our own calls hold there, and
 * what others seem to hold, as far as it has refused us. After a refusal it is tried again with one call when a pause is
 * over that grows. It decides nothing: the worker counts for itself.
 */
import { type Amounts, addAmounts, amountsOf, covers, type Resources } from "../../internal/amounts.ts";
import { type DeadlineEntry, type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";

/** The longest pause before it is tried again, in milliseconds. */
const MAX_PAUSE_MS = 250;
/** The shortest, whatever it asks for. */
const MIN_PAUSE_MS = 5;

const NOTHING: Amounts = new Map();

/** What a member says that has refused a call. */
export interface ShortResources {
  readonly needs: Amounts;
  /** How much is free of these; none of those that are not there. */
  readonly free: Amounts;
  /** When it wants to be asked again, in milliseconds. */
  readonly pauseMs: number;
  /** Told when it may be. */
  readonly reopened: () => void;
}

/** The resources of one member, or what a reservation keeps of them. */
export class MemberResources {
  #total: Amounts = NOTHING;
  /** Of which record the total is. */
  #record: Resources | undefined;
  readonly #ours = new Map<string, number>();
  readonly #others = new Map<string, number>();
  /** What the refused calls needed, for which it is tried again. */
  readonly #refused = new Map<string, number>();
  #refusals = 0;
  #reopening: DeadlineEntry | undefined;
  readonly #queue: DeadlineQueue;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(queue: DeadlineQueue = deadlines) {
    this.#queue = queue;
  }

  /** How much there is. */
  get total(): Amounts {
    return this.#total;
  }

  /** How much of it our own calls and reservations hold. */
  get ours(): Amounts {
    return this.#ours;
  }

  /** Takes what a record says. */
  read(record: Resources | undefined): void {
    if (record === this.#record) return;
    this.#record = record;
    this.#total = amountsOf(record) ?? NOTHING;
  }

  /** Whether it ever has so much. */
  fits(needs: Amounts): boolean {
    return covers(this.#total, needs);
  }

  /** Whether so much is free, as far as is known. */
  hasRoom(needs: Amounts): boolean {
    for (const [name, amount] of needs) if (this.free(name) < amount) return false;
    return true;
  }

  /** How much of one resource is free, as far as is known. */
  free(name: string): number {
    return this.#left(name) - (this.#others.get(name) ?? 0);
  }

  /** A call that needs so much has been sent there. */
  took(needs: Amounts): void {
    addAmounts(this.#ours, needs, 1);
  }

  /** A call that was sent there is over, or was refused. */
  left(needs: Amounts): void {
    addAmounts(this.#ours, needs, -1);
  }

  /** It has accepted a call: there may be room for one more like it. */
  accepted(needs: Amounts): void {
    this.#refusals = 0;
    if (this.#others.size > 0) this.#makeRoom(needs);
  }

  /**
   * It has refused a call. Whatever it says of what is free, one that needs as much is not sent there before the pause is
   * over.
   */
  refused({ needs, free, pauseMs, reopened }: ShortResources): void {
    for (const [name, amount] of needs) {
      this.#believe(name, this.#left(name) - (free.get(name) ?? 0));
      this.#refused.set(name, amount);
    }
    if (this.hasRoom(needs))
      for (const [name, amount] of needs) this.#believe(name, this.#left(name) - amount + 1);
    const waitMs = Math.min(MAX_PAUSE_MS, Math.max(MIN_PAUSE_MS, pauseMs) * 2 ** this.#refusals);
    this.#refusals = Math.min(this.#refusals + 1, 16);
    if (this.#reopening !== undefined) return;
    this.#reopening = this.#queue.after(waitMs, () => {
      this.#reopening = undefined;
      this.#makeRoom(this.#refused);
      this.#refused.clear();
      reopened();
    });
  }

  /** Takes so much for free, if others were believed to hold it. */
  #makeRoom(needs: Amounts): void {
    for (const [name, amount] of needs) {
      const others = this.#left(name) - amount;
      if ((this.#others.get(name) ?? 0) > others) this.#believe(name, others);
    }
  }

  /** What our own calls leave of one. */
  #left(name: string): number {
    return (this.#total.get(name) ?? 0) - (this.#ours.get(name) ?? 0);
  }

  /** Others hold so much of one. */
  #believe(name: string, others: number): void {
    if (others > 0) this.#others.set(name, others);
    else this.#others.delete(name);
  }
}
