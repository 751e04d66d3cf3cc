/**
 * The unfinished messages of one connection: those whose head has come and whose parts have not all. It
 * does not judge the streams they belong to. A stream has at most one, and no more begin than allowed.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import type { FrameReader } from "../../wire/batch/frame-reader.ts";
import type { Limits } from "../../wire/frames.ts";
import { MessageAssembly } from "./message-assembly.ts";

/** A message may come in as many parts as have this many bytes on average, if it is of the largest size. */
const AVERAGE_PART_BYTES = 4096;
/** However small the largest message is, so many parts are allowed. */
const LEAST_MAX_PARTS = 1024;

/** The receiving side of all streams. */
export class InboundMessages {
  readonly #limits: Limits;
  readonly #maxParts: number;
  readonly #messages = new Map<number, MessageAssembly>();
  /** Messages that are not whole. A plain field, since it is asked about with every frame. */
  unfinished = 0;
  /** Messages of which a part has begun to arrive. */
  #begun = 0;

  /** @param limits The limits that this side has announced. */
  constructor(limits: Limits) {
    this.#limits = limits;
    this.#maxParts = Math.max(LEAST_MAX_PARTS, Math.ceil(limits.maxMessage / AVERAGE_PART_BYTES));
  }

  has(stream: number): boolean {
    return this.#messages.has(stream);
  }

  /** Why a message in so many parts is not taken; `undefined` if it is. */
  excess(parts: number): string | undefined {
    return parts > this.#maxParts
      ? `a message of ${parts} parts, beyond the limit of ${this.#maxParts}`
      : undefined;
  }

  /** Begins the message whose head the frame is. */
  open(frame: FrameReader): void {
    this.#messages.set(frame.stream, new MessageAssembly(frame, this.#limits.maxMessage));
    this.unfinished = this.#messages.size;
  }

  /**
   * The message that a chunk is for; from its first chunk on it counts among the unfinished ones.
   *
   * @returns `undefined` for a message refused, or a stream ended meanwhile.
   * @throws {@link ProtocolError} when more are unfinished than this side has allowed.
   */
  begun(stream: number): MessageAssembly | undefined {
    const message = this.#messages.get(stream);
    if (message === undefined || message.begun) return message;
    const { maxOpenMessages } = this.#limits;
    if (this.#begun >= maxOpenMessages)
      throw new ProtocolError(`More than ${maxOpenMessages} unfinished messages at a time`);
    message.begun = true;
    this.#begun += 1;
    return message;
  }

  /** Forgets the parts that have come of a stream's unfinished message; those still to come are dropped. */
  drop(stream: number): void {
    const message = this.#messages.get(stream);
    if (message === undefined) return;
    if (message.begun) this.#begun -= 1;
    this.#messages.delete(stream);
    this.unfinished = this.#messages.size;
  }

  clear(): void {
    this.#messages.clear();
    this.unfinished = 0;
  }
}
