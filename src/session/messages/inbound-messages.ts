/**
 * The unfinished messages of one connection: those whose head has come and whose parts have not all. It
 * does not judge the streams they belong to. A stream has at most one, and no more begin than allowed.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import type { FrameReader } from "../../wire/batch/frame-reader.ts";
import type { Limits } from "../../wire/frames.ts";
import type { ConnectionMemory } from "../memory/peer-memory.ts";
import { MessageAssembly, type Release } from "./message-assembly.ts";

/** A message may come in as many parts as have this many bytes on average, if it is of the largest size. */
const AVERAGE_PART_BYTES = 4096;
/** However small the largest message is, so many parts are allowed. */
const LEAST_MAX_PARTS = 1024;

/** About what an unfinished message takes up in the heap, and one of its parts. */
const MESSAGE_OBJECT_BYTES = 512;
const PART_OBJECT_BYTES = 200;

/** The receiving side of all streams. */
export class InboundMessages {
  readonly #limits: Limits;
  readonly #maxParts: number;
  #messages = new Map<number, MessageAssembly>();
  /** Messages that are not whole. A plain field, since it is asked about with every frame. */
  unfinished = 0;
  /** Messages of which a part has begun to arrive. */
  #begun = 0;

  readonly #memory: ConnectionMemory | undefined;
  readonly #partBytes: number;
  readonly #release: Release | undefined;

  /**
   * @param limits The limits that this side has announced.
   * @param memory Where they are counted; absent: nowhere.
   * @param release Gives back memory that is not needed any more; absent: that is left to the collector of garbage.
   */
  constructor(limits: Limits, memory?: ConnectionMemory, release?: Release) {
    this.#limits = limits;
    this.#memory = memory;
    this.#release = release;
    this.#partBytes = memory?.weigh(PART_OBJECT_BYTES) ?? 0;
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
    const memory = this.#memory;
    const message = new MessageAssembly(frame, this.#limits.maxMessage, this.#partBytes, this.#release);
    if (memory !== undefined) {
      message.heldBytes += memory.weigh(MESSAGE_OBJECT_BYTES);
      memory.add(message.heldBytes);
    }
    this.#messages.set(frame.stream, message);
    this.unfinished = this.#messages.size;
  }

  /** As `add` of the message, counted. */
  add(message: MessageAssembly, frame: FrameReader): boolean {
    const before = message.heldBytes;
    try {
      return message.add(frame);
    } finally {
      this.#memory?.add(message.heldBytes - before);
    }
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
    this.#memory?.drop(message.heldBytes);
    // A map whose last entry goes makes itself a smaller table at once; a new one costs less, see `internal/few.ts`.
    if (this.#messages.size === 1) this.#messages = new Map();
    else this.#messages.delete(stream);
    this.unfinished = this.#messages.size;
  }

  clear(): void {
    this.#messages.clear();
    this.unfinished = 0;
  }
}
