/**
 * Gives out stream numbers, counting up from 1 and wrapping after the highest. From a number alone it also tells whether its stream was ever opened, and whether its task can have reached the worker.
 */
import { ProtocolError } from "../errors/protocol-error.ts";

/** The highest number a stream can have. */
export const LAST_STREAM = 0xffff_ffff;

/** The numbering of one connection. */
export class StreamNumbers {
  #next: number;
  /** Numbering has wrapped: every number counts as opened. */
  #wrapped = false;
  /** The first number not flushed yet. A task that was never flushed cannot have started. */
  #firstUnflushed: number;
  /** Streams above it were not started, according to the worker's GoAway. */
  #lastStarted = LAST_STREAM;

  /** @param first Where numbering starts. Tests start near the highest number, for what comes after it. */
  constructor(first: number = 1) {
    this.#next = first;
    this.#firstUnflushed = first;
  }

  /** Gives the next number that is not in use. */
  take(inUse: { has(stream: number): boolean }): number {
    let stream = this.#next;
    while (inUse.has(stream)) stream = stream === LAST_STREAM ? 1 : stream + 1;
    if (stream === LAST_STREAM) this.#wrapped = true;
    this.#next = stream === LAST_STREAM ? 1 : stream + 1;
    return stream;
  }

  /** @throws {@link ProtocolError} for a stream that was never opened. */
  assertOpened(stream: number): void {
    if (stream === 0 || stream > LAST_STREAM) {
      throw new ProtocolError(`A response on stream ${stream}, which no stream can have`);
    }
    if (stream >= this.#next && !this.#wrapped) {
      throw new ProtocolError(`A response on stream ${stream}, which was never opened`);
    }
  }

  /** To be called after a flush: all tasks so far have been handed to the carrier. */
  flushed(): void {
    this.#firstUnflushed = this.#next;
  }

  /** Notes what a GoAway says: the worker starts no stream above this number. */
  startedUpTo(stream: number): void {
    this.#lastStarted = Math.min(this.#lastStarted, stream);
  }

  /** Whether the worker may have started the stream's task: it has left, and no GoAway excludes it. */
  mayHaveStarted(stream: number): boolean {
    return stream <= this.#lastStarted && this.#hasLeft(stream);
  }

  /** Whether the stream's task has been handed to the carrier. */
  #hasLeft(stream: number): boolean {
    const first = this.#firstUnflushed;
    const next = this.#next;
    // The numbers not flushed yet may wrap past the highest.
    return first <= next ? stream < first || stream >= next : stream < first && stream >= next;
  }
}
