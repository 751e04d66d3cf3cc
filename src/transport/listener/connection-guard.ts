/**
 * Which connections a server takes: so many in total, so many of one address, and none for a while of an address whose
 * callers begin calls for nothing faster than anybody has reason to. It looks at nothing but addresses and counts.
 */
import { type DeadlineQueue, deadlines } from "../../internal/time/deadline-queue.ts";

/** What a guard allows. */
export interface ConnectionGuardOptions {
  /** The largest number of connections at a time. */
  readonly maxConnections: number;
  /** The largest number of connections at a time from one address. */
  readonly maxPerAddress: number;
  /** Calls that an address may begin for nothing at once, over all its connections. */
  readonly wastedBurst: number;
  /** Calls a second that it may begin for nothing for ever. */
  readonly wastedPerSecond: number;
}

/** One connection that was let in. */
export interface ConnectionPermit {
  /** Another call has had no message, or was taken back by its caller. Returns whether the address may go on. */
  wasted(): boolean;
  /** The connection has ended. Idempotent. */
  closed(): void;
}

/** What is known of one address. */
interface Known {
  connections: number;
  /** Calls begun for nothing that count at `atMs`; they are forgiven as time passes. */
  wasted: number;
  atMs: number;
}

/** How long at most an address is not served once it has stopped: others may be behind it. */
const LONGEST_BAN_S = 3;

/** Addresses without a connection that are remembered for such calls. */
const MAX_REMEMBERED = 10_000;

/** Lets connections in. One for a server. */
export class ConnectionGuard {
  readonly #options: ConnectionGuardOptions;
  readonly #queue: DeadlineQueue;
  readonly #known = new Map<string, Known>();
  #open = 0;

  /** @param queue Where time comes from; the shared one unless a test gives another. */
  constructor(options: ConnectionGuardOptions, queue: DeadlineQueue = deadlines) {
    this.#options = options;
    this.#queue = queue;
  }

  /** Connections that are open. */
  get open(): number {
    return this.#open;
  }

  /** Addresses that are remembered. */
  get known(): number {
    return this.#known.size;
  }

  /**
   * Judges a new connection.
   *
   * @returns A permit, or for people why there is none.
   */
  admit(address: string): ConnectionPermit | string {
    const { maxConnections, maxPerAddress, wastedBurst, wastedPerSecond } = this.#options;
    const mostWasted = wastedBurst + LONGEST_BAN_S * wastedPerSecond;
    if (this.#open >= maxConnections) return `this worker already has ${maxConnections} connections`;
    const known = this.#known.get(address) ?? { connections: 0, wasted: 0, atMs: 0 };
    if (known.connections >= maxPerAddress) {
      return `this worker already has ${maxPerAddress} connections from '${address}'`;
    }
    if (!this.#mayWaste(known)) return `'${address}' has begun too many calls for nothing`;
    known.connections += 1;
    this.#open += 1;
    this.#known.set(address, known);
    let open = true;
    return {
      wasted: () => {
        known.wasted = Math.min(known.wasted + 1, mostWasted);
        return this.#mayWaste(known);
      },
      closed: () => {
        if (!open) return;
        open = false;
        this.#open -= 1;
        known.connections -= 1;
        this.#forget(address, known);
      },
    };
  }

  #mayWaste(known: Known): boolean {
    const { wastedBurst, wastedPerSecond } = this.#options;
    const nowMs = this.#queue.now();
    known.wasted = Math.max(0, known.wasted - ((nowMs - known.atMs) / 1000) * wastedPerSecond);
    known.atMs = nowMs;
    return known.wasted < wastedBurst;
  }

  #forget(address: string, known: Known): void {
    if (known.connections > 0) return;
    this.#mayWaste(known);
    this.#known.delete(address);
    if (known.wasted < 1) return;
    // Put at the end, so that the one without a connection for longest is forgotten first.
    this.#known.set(address, known);
    if (this.#known.size - this.#open <= MAX_REMEMBERED) return;
    for (const [other, { connections }] of this.#known) {
      if (connections > 0) continue;
      this.#known.delete(other);
      return;
    }
  }
}
