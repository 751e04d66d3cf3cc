/**
 * The carrier between a worker's thread and its listener's: batches over a MessagePort. A port queues without limit, so
 * each direction has a window of bytes that both ends count in shared memory. It does not look into a batch.
 */
import type { MessagePort } from "node:worker_threads";
import type { Peer } from "../../credentials/peers/peer.ts";
import { ownsMemory, releaseMemory } from "../../internal/release-memory.ts";
import { CARRIER_HEADROOM, type Carrier, type CarrierEvents } from "../../session/carrier.ts";

/** Bytes that one end may have sent and the other not yet taken, unless its creator says otherwise. */
const DEFAULT_WINDOW_BYTES = 1024 * 1024;

/**
 * The least that a batch counts. A queued message takes memory besides its bytes, and time when it is taken: no end has
 * more than a few hundred of them under way.
 */
const MIN_COUNTED_BYTES = 4096;

/**
 * Messages that are no batch. By one, an end says that the window has room again, when the other end waits for that.
 * By the other, an end whose process is about to end asks to be told once everything before it has been passed on.
 */
const DRAINED = 0;
const LAST = 1;

/**
 * Words of each end in the shared memory: bytes it has taken, whether it waits, how many bytes the other must have
 * taken to wake it, and whether it has passed on everything that came before {@link LAST}.
 */
const TAKEN = 0;
const WAITING = 1;
const WAKE_AT = 2;
const PASSED_ON = 3;
const WORDS = 4;

/** The two ends of a port carrier. */
export type PortSide = 0 | 1;

/** How a port carrier is made. */
export interface PortCarrierOptions {
  /** The memory that both ends count in, from {@link createPortMemory}. */
  readonly memory: SharedArrayBuffer;
  /** Which end this is; the other must be given the other number. */
  readonly side: PortSide;
  /** Who is at the other end of the connection that the port belongs to. Absent: a thread of this process. */
  readonly peer?: Peer | undefined;
  /**
   * Whether the other end passes batches on, and its thread ends when this one's does: the process does. Default: what
   * has been posted arrives, however this thread ends.
   */
  readonly relayed?: boolean | undefined;
  /** Name of the peer for messages. */
  readonly description: string;
  /** Bytes that may be under way before `send` returns false; one batch of any size always may. Default 1 MiB. */
  readonly windowBytes?: number;
}

/**
 * Makes the memory for one pair of ends.
 *
 * @param taken Where both begin to count the bytes that they have taken, an integer of 32 bits; another than 0 for tests.
 */
export function createPortMemory(taken = 0): SharedArrayBuffer {
  const memory = new SharedArrayBuffer(2 * WORDS * Int32Array.BYTES_PER_ELEMENT);
  const words = new Int32Array(memory);
  words[TAKEN] = taken;
  words[WORDS + TAKEN] = taken;
  return memory;
}

/** Batches over one end of a message channel, which it owns from here on. */
export class PortCarrier implements Carrier {
  readonly local: boolean;
  readonly release: ((bytes: Uint8Array) => void) | undefined;
  readonly peer: Peer | undefined;
  /** Every batch comes in memory of its own. */
  readonly volatile = false;
  readonly description: string;
  events: CarrierEvents | undefined;
  readonly #port: MessagePort;
  readonly #words: Int32Array;
  readonly #own: number;
  readonly #peer: number;
  readonly #windowBytes: number;
  readonly #relayed: boolean;
  /** Bytes ever sent, modulo 2³² like every count here. */
  #sent: number;
  #creditPaused = false;
  /** Received while the credit was paused, and so not given back yet. */
  #owedBytes = 0;
  #ended = false;
  #error: Error | undefined;

  readonly #passedOn = (): void => {
    Atomics.store(this.#words, this.#own + PASSED_ON, 1);
    Atomics.notify(this.#words, this.#own + PASSED_ON);
  };

  constructor(port: MessagePort, options: PortCarrierOptions) {
    const { memory, side, peer, description, windowBytes = DEFAULT_WINDOW_BYTES } = options;
    const { relayed = false } = options;
    this.#port = port;
    this.#words = new Int32Array(memory);
    this.#own = side * WORDS;
    this.#peer = (1 - side) * WORDS;
    this.#sent = Atomics.load(this.#words, this.#peer + TAKEN);
    this.#windowBytes = windowBytes;
    this.#relayed = relayed;
    this.local = peer?.local ?? true;
    // What peers on this host send is not counted, nor what values are made of it: the collector of garbage sees to that.
    this.release = this.local ? undefined : releaseMemory;
    this.peer = peer;
    this.description = description;
    port.on("message", (message: unknown) => this.#receive(message));
    port.on("close", () => this.#closed());
  }

  send(batch: Uint8Array, tail?: Uint8Array): boolean {
    if (this.#ended) return true; // its end is on the way; the session is told there
    const head = batch.length - CARRIER_HEADROOM;
    const length = head + (tail?.length ?? 0);
    // Memory of exactly this size: it changes hands, and the batch's own is used on here.
    const bytes = Buffer.allocUnsafeSlow(length);
    bytes.set(head === batch.length ? batch : batch.subarray(CARRIER_HEADROOM));
    if (tail !== undefined) bytes.set(tail, head);
    return this.#post(bytes);
  }

  /** As `send`, of bytes whose memory the carrier may have: where they are all of it, they are not copied. */
  give(bytes: Uint8Array): boolean {
    if (this.#ended) return true;
    return this.#post(ownsMemory(bytes) ? bytes : copyOf(bytes));
  }

  #post(bytes: Uint8Array): boolean {
    const { length } = bytes;
    this.#port.postMessage(bytes, [bytes.buffer as ArrayBuffer]);
    this.#sent = (this.#sent + counted(length)) | 0;
    return this.#hasRoom();
  }

  sendBeforeExit(untilMs: number): boolean {
    if (this.#ended || !this.#relayed) return true;
    this.#port.postMessage(LAST);
    const leftMs = Math.max(0, untilMs - performance.now());
    return Atomics.wait(this.#words, this.#peer + PASSED_ON, 0, leftMs) !== "timed-out";
  }

  get backlogBytes(): number {
    return (this.#sent - Atomics.load(this.#words, this.#peer + TAKEN)) | 0;
  }

  holdInput(held: boolean): void {
    if (held) this.pauseCredit();
    else this.resumeCredit();
  }

  /**
   * Gives the peer no credit for bytes received, until {@link resumeCredit}: it stops sending once the window
   * is full. Batches under way are still delivered.
   */
  pauseCredit(): void {
    this.#creditPaused = true;
  }

  /** Gives the peer credit again, also for bytes received since {@link pauseCredit}. */
  resumeCredit(): void {
    if (!this.#creditPaused) return;
    this.#creditPaused = false;
    const bytes = this.#owedBytes;
    this.#owedBytes = 0;
    this.#take(bytes);
  }

  close(): void {
    this.#end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    // What was posted before arrives before the other end hears of this.
    this.#port.close();
  }

  #receive(message: unknown): void {
    if (this.#ended) return;
    if (message instanceof Uint8Array) {
      const { length } = message; // it may be given back meanwhile, and is of length 0 then
      this.events?.batch(message, 0, length);
      if (this.#creditPaused) this.#owedBytes += counted(length);
      else this.#take(counted(length));
    } else if (message === DRAINED) {
      this.events?.drain();
    } else if (message === LAST) {
      // HTTP/2 hands what was written in one turn to the socket at the end of it.
      setImmediate(() => setImmediate(this.#passedOn));
    }
  }

  /** Counts bytes as taken, and wakes the other end if it waits for that. */
  #take(bytes: number): void {
    const words = this.#words;
    const taken = (Atomics.add(words, this.#own + TAKEN, bytes) + bytes) | 0;
    if (Atomics.load(words, this.#peer + WAITING) === 0) return;
    if (((taken - Atomics.load(words, this.#peer + WAKE_AT)) | 0) < 0) return;
    // Either this end or the one that waits takes the mark back, never both.
    if (Atomics.compareExchange(words, this.#peer + WAITING, 1, 0) === 1) this.#port.postMessage(DRAINED);
  }

  /** Whether the window has room; if not, the other end wakes this one when half of it has been taken. */
  #hasRoom(): boolean {
    const words = this.#words;
    if (Atomics.load(words, this.#own + WAITING) === 1) return false;
    const taken = Atomics.load(words, this.#peer + TAKEN);
    if (((this.#sent - taken) | 0) <= this.#windowBytes) return true;
    const wakeAt = (this.#sent - (this.#windowBytes >>> 1)) | 0;
    Atomics.store(words, this.#own + WAKE_AT, wakeAt);
    Atomics.store(words, this.#own + WAITING, 1);
    // It may have taken the rest just before the mark was there to see.
    if (((Atomics.load(words, this.#peer + TAKEN) - wakeAt) | 0) < 0) return false;
    return Atomics.compareExchange(words, this.#own + WAITING, 1, 0) === 1;
  }

  #closed(): void {
    this.#ended = true;
    const { events } = this;
    this.events = undefined;
    events?.closed(this.#error);
  }
}

function copyOf(bytes: Uint8Array): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  copy.set(bytes);
  return copy;
}

/** Bytes that a batch of this length takes of the window, by the count of both ends. */
function counted(length: number): number {
  return Math.max(length, MIN_COUNTED_BYTES);
}
