/**
 * The numbers that a client gives its streams, upwards and anew after the last one, and what a number
 * alone tells: whether its stream was ever opened, and whether its task can have reached the worker.
 */
import { ProtocolError } from "../errors/protocol-error.ts";

/** The highest number a stream can have. */
export const LAST_STREAM = 0xffff_ffff;

/** The numbering of one connection. */
export class StreamNumbers {
  #next: number;
  /** Every number has been used once. */
  #wrapped = false;
  /** The first stream opened since the last flush: what never left did not start. */
  #firstUnflushed: number;
  /** Streams above it were not started, according to the worker's GoAway. */
  #lastStarted = LAST_STREAM;

  /** @param first The first number given; another than 1 is for tests of what comes after the last one. */
  constructor(first: number = 1) {
    this.#next = first;
    this.#firstUnflushed = first;
  }

  /** Gives the next number that is not in use. */
  take(inUse: ReadonlyMap<number, unknown>): number {
    let stream = this.#next;
    while (inUse.has(stream)) stream = stream === LAST_STREAM ? 1 : stream + 1;
    if (stream === LAST_STREAM) this.#wrapped = true;
    this.#next = stream === LAST_STREAM ? 1 : stream + 1;
    return stream;
  }

  /** @throws {@link ProtocolError} for a stream that was never opened. */
  assertOpened(stream: number): void {
    if (stream === 0 || stream > LAST_STREAM) throw new ProtocolError("A response on stream 0");
    if (stream >= this.#next && !this.#wrapped) {
      throw new ProtocolError(`A response on stream ${stream}, which was never opened`);
    }
  }

  /** The tasks of all streams opened so far are with the carrier. */
  flushed(): void {
    this.#firstUnflushed = this.#next;
  }

  /** The worker has started no stream above this one, and will not. */
  startedUpTo(stream: number): void {
    this.#lastStarted = Math.min(this.#lastStarted, stream);
  }

  /** Whether the worker may have started the stream's task: it has left, and no GoAway excludes it. */
  mayHaveStarted(stream: number): boolean {
    return stream <= this.#lastStarted && this.#hasLeft(stream);
  }

  /** Whether the stream's task is with the carrier. Numbers begin anew after the last one. */
  #hasLeft(stream: number): boolean {
    const first = this.#firstUnflushed;
    const next = this.#next;
    return first <= next ? stream < first || stream >= next : stream < first && stream >= next;
  }
}
