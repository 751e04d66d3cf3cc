/**
 * The batch in which a turn's frames gather, and the moment it leaves: when the turn is over, or before
 * if it has grown large. It does not know what the frames say. After `end`, nothing leaves any more.
 */
import { BatchWriter } from "../wire/batch/writer.ts";
import type { Limits } from "../wire/frames.ts";
import type { Carrier } from "./carrier.ts";
import type { SessionHalf } from "./session-half.ts";

/** Bytes of frames that leave without waiting for the turn's end, if the peer takes batches of twice that. */
const EARLY_FLUSH = 1024 * 1024;

/**
 * Silence after which a client reads what has come before it sends anything. Its program may have blocked the loop
 * meanwhile, and the worker ended the connection: a task sent into it would be lost, and one that is kept back goes
 * elsewhere. Short, since it costs a few turns of the loop, which are nothing after such a pause.
 */
const SILENCE_MS = 250;
/** How many these are: the end of a connection over gRPC is known in the third turn, counted from where none is read. */
const READING_TURNS = 5;

/** The frames of one connection that have been written and not yet sent. */
export class OutboundBatch {
  readonly writer: BatchWriter = new BatchWriter();
  readonly #carrier: Carrier;
  readonly #half: SessionHalf;
  readonly #sendBulk: () => void;
  readonly #turnSent: () => void;
  #earlyFlushBytes = EARLY_FLUSH;
  #scheduled = false;
  #congested = false;
  #ended = false;
  /** When a turn's frames last left. */
  #leftMs = performance.now();
  /** Of one that serves: when frames last left, as `performance.now()` counts. */
  flushedMs = 0;
  /** Turns of the loop before the frames leave, for a client that reads first. */
  #turnsLeft = 0;

  readonly #readOn = (): void => {
    this.#turnsLeft -= 1;
    if (this.#turnsLeft > 0 && !this.#ended) setImmediate(this.#readOn);
    else this.#finishTurn();
  };

  readonly #deferEnd = (): void => {
    process.nextTick(this.#endTurn);
  };

  readonly #endTurn = (): void => {
    const beforeMs = this.#leftMs;
    if (!this.#half.serves) this.#leftMs = performance.now();
    if (this.#leftMs - beforeMs < SILENCE_MS) return this.#finishTurn();
    this.#turnsLeft = READING_TURNS;
    setImmediate(this.#readOn);
  };

  /**
   * @param owner `half` decides when a turn is over, and is told before and when frames leave. `sendBulk` may send
   *   more together with the turn's frames. `turnSent` runs after each turn's batch.
   */
  constructor(
    carrier: Carrier,
    owner: { readonly half: SessionHalf; readonly sendBulk: () => void; readonly turnSent: () => void },
  ) {
    this.#carrier = carrier;
    this.#half = owner.half;
    this.#sendBulk = owner.sendBulk;
    this.#turnSent = owner.turnSent;
  }

  /** Whether the carrier is full. Frames leave all the same; bulk should wait. */
  get congested(): boolean {
    return this.#congested;
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** From here on batches keep to the peer's limits. */
  keepTo(limits: Limits): void {
    this.#earlyFlushBytes = Math.min(EARLY_FLUSH, limits.maxBatch >>> 1);
  }

  /**
   * Sends the turn's frames once the turn is over, so that calls made by the continuations of one batch of
   * results leave in one batch.
   */
  scheduleFlush(): void {
    // A turn that writes more than one batch may hold sends the first ones early.
    if (this.writer.length >= this.#earlyFlushBytes) this.flush();
    if (this.#scheduled || this.#ended) return;
    this.#scheduled = true;
    this.#half.written();
    if (this.#half.flushAfter === "tick") process.nextTick(this.#endTurn);
    else queueMicrotask(this.#deferEnd);
  }

  /**
   * Sends what has been written so far, in the midst of a turn.
   *
   * @param tail The end of the last frame, which is not copied; must not change until it has left.
   */
  flush(tail?: Uint8Array): void {
    if (this.#ended || this.writer.length === 0) return;
    // Told first: from here on the peer may have it, even if the carrier ends.
    this.#half.flushed();
    if (this.#half.serves) this.flushedMs = performance.now();
    if (!this.#carrier.send(this.writer.take(), tail)) this.#congested = true;
  }

  /** The carrier takes more again. */
  drained(): void {
    this.#congested = false;
  }

  /** Keeps back all frames that have not left. */
  end(): void {
    this.#ended = true;
  }

  #finishTurn(): void {
    this.#turnsLeft = 0;
    this.#scheduled = false;
    if (this.#ended) return;
    this.#half.beforeFlush();
    this.#sendBulk();
    this.flush();
    this.#turnSent();
  }
}
