/**
 * The messages of one connection on their way to the peer: small ones in one frame, the rest in chunks,
 * all of them within the peer's window. It does not know what a stream may send. On one stream, nothing
 * overtakes the parts of the message before it.
 */
import { ProtocolError } from "../../errors/protocol-error.ts";
import type { BatchWriter } from "../../wire/batch/writer.ts";
import { Feature } from "../../wire/features.ts";
import { FrameKind } from "../../wire/frame-kind.ts";
import type { Hello, MessageFields, MessageKind, TaskFields } from "../../wire/frames.ts";
import type { FlowHead } from "../../wire/messages/flow.ts";
import { type Payload, payloadSize } from "../../wire/payload.ts";
import { TaskFlag } from "../../wire/task/flags.ts";
import type { Carrier } from "../carrier.ts";
import { CHUNK_SIZE, LOCAL_CHUNK_SIZE } from "../limits.ts";
import { partGarbage } from "../memory/part-garbage.ts";
import type { ConnectionMemory } from "../memory/peer-memory.ts";
import type { OutboundBatch } from "../outbound-batch.ts";
import { besideOf, enclosePayload } from "./enclosing.ts";
import { OutboundTransfer } from "./outbound-transfer.ts";
import { Slabs } from "./slab.ts";

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

/** A window no peer has: one that returns so much counts wrongly. */
const MAX_WINDOW = 2 ** 40;

/** The sending side of all streams. */
export class OutboundMessages {
  readonly #carrier: Carrier;
  readonly #batch: OutboundBatch;
  readonly #writer: BatchWriter;
  /** Used for every message: the writer keeps nothing of it. */
  readonly #fields: Mutable<MessageFields> = {
    kind: FrameKind.Done,
    parts: 0,
    detached: false,
    attached: false,
    bodyUs: 0,
    variables: undefined,
    flow: undefined,
  };
  #transfers = new Map<number, OutboundTransfer>();
  /** Bytes of messages that may still be sent before the peer returns some. */
  #windowBytes = 0;
  /** Payloads up to this size travel inside their frame. */
  #inlineBytes = CHUNK_SIZE;
  #chunkBytes = CHUNK_SIZE;
  #maxOpen = 0;
  #takesParts = false;
  /** Where long payloads go to another thread. */
  readonly #slabs = new Slabs();
  readonly #memory: ConnectionMemory | undefined;

  /** @param memory Where what waits for the peer is counted; absent: nowhere. */
  constructor(carrier: Carrier, batch: OutboundBatch, memory?: ConnectionMemory) {
    this.#memory = memory;
    this.#carrier = carrier;
    this.#batch = batch;
    this.#writer = batch.writer;
  }

  /** Whether bulk should wait: the carrier or the peer's window is full. */
  get congested(): boolean {
    return this.#batch.congested || this.#windowBytes <= 0;
  }

  /** Whether binary may travel beside a message. If not, the sender encodes it inside. */
  get takesParts(): boolean {
    return this.#takesParts;
  }

  /** From here on messages go out as the peer takes them: without `Feature.Parts`, each in one frame. */
  keepTo({ limits, features }: Hello): void {
    this.#takesParts = features.includes(Feature.Parts);
    this.#windowBytes = limits.connectionWindow;
    const mostBytes = Math.max(1, limits.maxBatch >>> 2);
    this.#chunkBytes = Math.min(this.#carrier.local ? LOCAL_CHUNK_SIZE : CHUNK_SIZE, mostBytes);
    this.#inlineBytes = this.#takesParts ? Math.min(CHUNK_SIZE, mostBytes) : Number.MAX_SAFE_INTEGER;
    this.#maxOpen = limits.maxOpenMessages;
  }

  /**
   * Writes the task that opens a stream: in one frame when it is small, else its head now and the rest in chunks, or
   * before it to a thread of this process. What is moved changes hands.
   *
   * @throws {@link NotSerializableError} for an object that cannot pass; nothing has happened then.
   */
  task(stream: number, fields: TaskFields, payload: Payload): void {
    const detached = this.#isDetached(payload);
    if (this.#enclosed(payload, detached)) {
      const marks =
        (detached ? TaskFlag.Detached : 0) | (besideOf(payload)?.away === true ? TaskFlag.Moved : 0);
      this.#writer.task(stream, { ...fields, flags: fields.flags | marks, attached: true }, payload);
      this.#batch.scheduleFlush();
      return;
    }
    const parts = payload.parts.length + (detached ? 1 : 0);
    if (parts === 0) {
      this.#writer.task(stream, fields, payload);
    } else {
      const flags = detached ? fields.flags | TaskFlag.Detached : fields.flags;
      this.#writer.task(stream, { ...fields, parts, flags }, payload);
    }
    this.#follow(stream, payload, detached);
  }

  /**
   * Writes a message of a stream, likewise. It waits for the parts of the one before it on the same stream.
   *
   * @throws As {@link task}.
   * @param bodyUs Of a response: how long the body occupied the thread, in microseconds; 0: not stated.
   * @param variables An encoded `ContextChanges`; absent: none.
   * @param flow What one about a flow is about.
   */
  message(
    stream: number,
    kind: MessageKind,
    payload: Payload,
    bodyUs: number,
    variables?: Uint8Array | undefined,
    flow?: FlowHead | undefined,
  ): void {
    const detached = this.#isDetached(payload);
    const attached = this.#enclosed(payload, detached);
    const before = this.#transferOf(stream);
    if (before !== undefined) {
      const { bytes, start, end, parts } = payload; // the object may be the encoder's, for its next use
      const waiting = { bytes, start, end, parts };
      this.#hold(before, payloadSize(waiting));
      before.lendMore(parts);
      before.after.push(() => this.message(stream, kind, waiting, bodyUs, variables, flow));
      return;
    }
    const fields = this.#fields;
    fields.kind = kind;
    fields.parts = attached ? 0 : payload.parts.length + (detached ? 1 : 0);
    fields.detached = detached;
    fields.attached = attached;
    fields.bodyUs = bodyUs;
    fields.variables = variables;
    fields.flow = flow;
    this.#writer.message(stream, fields, payload);
    if (attached) this.#batch.scheduleFlush();
    else this.#follow(stream, payload, detached);
  }

  /** Writes a Next, which must not overtake the parts of a value sent before it. */
  next(stream: number, variables?: Uint8Array | undefined): void {
    const before = this.#transferOf(stream);
    if (before !== undefined) {
      before.after.push(() => this.next(stream, variables));
      return;
    }
    this.#writer.next(stream, variables);
    this.#batch.scheduleFlush();
  }

  /**
   * Has a function called once the parts of a stream's message have all been handed to the carrier; not if they are
   * dropped.
   *
   * @returns False, and nothing will be called, if none are waiting.
   */
  whenTransferred(stream: number, done: () => void): boolean {
    const transfer = this.#transferOf(stream);
    transfer?.after.push(done);
    return transfer !== undefined;
  }

  /** Drops the parts of a stream that have not been sent, and the messages that were to follow them. */
  drop(stream: number): void {
    if (this.#transfers.size === 0) return;
    const transfer = this.#transfers.get(stream);
    if (transfer === undefined) return;
    this.#end(transfer);
    this.#memory?.dropAnswers(transfer.heldBytes);
    // A map whose last entry goes makes itself a smaller table at once; a new one costs less, see `internal/few.ts`.
    if (this.#transfers.size === 1) this.#transfers = new Map();
    else this.#transfers.delete(stream);
  }

  clear(): void {
    for (const transfer of this.#transfers.values()) this.#end(transfer);
    this.#transfers.clear();
  }

  /**
   * The peer has returned this many bytes of its window: as many more may be sent.
   *
   * @throws {@link ProtocolError} when it returns more than it can have had.
   */
  windowReturned(bytes: number): void {
    this.#windowBytes += bytes;
    if (this.#windowBytes > MAX_WINDOW)
      throw new ProtocolError("The peer returned more bytes than were sent");
    this.pump();
  }

  /**
   * Sends one chunk of every transfer in turn, as long as carrier and window take them. Only as many
   * messages as the peer allows are under way at a time; the others wait with their heads sent.
   */
  pump(): void {
    while (this.#transfers.size > 0 && !this.congested && !this.#batch.ended) {
      let visited = 0;
      for (const [stream, transfer] of this.#transfers) {
        if (visited++ === this.#maxOpen) break;
        // The head of the message, and small frames of others, leave with the chunk.
        const mostBytes = Math.min(this.#chunkBytes, Math.max(this.#windowBytes, this.#inlineBytes));
        const sentBytes = transfer.sendChunk(this.#batch, mostBytes);
        this.#windowBytes -= sentBytes;
        this.#hold(transfer, -sentBytes);
        if (transfer.done) {
          this.drop(stream);
          for (const write of transfer.after) write(); // one may begin a transfer, for which the others wait in turn
        } else if (this.#transfers.size <= this.#maxOpen) {
          // Behind the others, also where the carrier is full from here on. Among more than are allowed, the first go on.
          this.#transfers.delete(stream);
          this.#transfers.set(stream, transfer);
        }
        if (this.congested) break;
      }
      this.#batch.flush();
    }
  }

  /**
   * The carrier takes more again, though nobody has heard so from it: pumps.
   *
   * @returns Whether it has been given something.
   */
  resume(): boolean {
    if (this.#transfers.size === 0) return false;
    this.#batch.drained();
    const beforeBytes = this.#windowBytes;
    this.pump();
    return this.#windowBytes < beforeBytes;
  }

  /** Whether the payload itself goes in chunks. */
  #isDetached(payload: Payload): boolean {
    return payload.end - payload.start > this.#inlineBytes;
  }

  /**
   * Sends what goes beside the batches, where the peer is a thread of this process. Elsewhere moved memory is taken, to be
   * copied from there.
   *
   * @returns Whether there is something of it.
   */
  #enclosed(payload: Payload, detached: boolean): boolean {
    const { enclose } = this.#carrier;
    if (payload.beside === undefined) {
      if (enclose === undefined || (!detached && payload.parts.length === 0)) return false;
    } else {
      const hasObjects = besideOf(payload)?.objects.length !== 0;
      if (enclose === undefined || (!detached && payload.parts.length === 0 && !hasObjects)) {
        besideOf(payload)?.take();
        return false;
      }
    }
    const inlineBytes = detached ? 0 : payload.end - payload.start;
    this.#windowBytes -= inlineBytes + enclosePayload(enclose, payload, detached ? this.#slabs : undefined);
    return true;
  }

  /** The head of a message has been written: begins the transfer of its parts, if it has any. */
  #follow(stream: number, payload: Payload, detached: boolean): void {
    const { bytes, start, end, parts } = payload;
    if (detached) {
      this.#begin(stream, [bytes.subarray(start, end), ...parts]);
    } else {
      this.#windowBytes -= end - start;
      partGarbage.sentPayload(end - start);
      if (parts.length > 0) this.#begin(stream, parts);
    }
    this.#batch.scheduleFlush();
  }

  #begin(stream: number, parts: readonly Uint8Array[]): void {
    const transfer = new OutboundTransfer(stream, parts);
    this.#transfers.set(stream, transfer);
    this.#memory?.addAnswers(transfer.heldBytes);
  }

  /** The carrier may still have what it was given, which must not change before that has left. */
  #end(transfer: OutboundTransfer): void {
    if (this.#carrier.whenWritten === undefined) transfer.end();
    else this.#carrier.whenWritten(() => transfer.end());
  }

  /** A transfer keeps more waiting, or less. */
  #hold(transfer: OutboundTransfer, bytes: number): void {
    if (this.#memory === undefined) return;
    transfer.heldBytes += bytes;
    if (bytes > 0) this.#memory.addAnswers(bytes);
    else this.#memory.dropAnswers(-bytes);
  }

  /** The message of this stream whose parts are still leaving. */
  #transferOf(stream: number): OutboundTransfer | undefined {
    return this.#transfers.size > 0 ? this.#transfers.get(stream) : undefined;
  }
}
