/**
 * The carrier over a Unix domain socket: each batch preceded by its length, four bytes, little-endian. It owns
 * the socket and the cutting of the byte stream into batches; it bounds how many bytes a peer can make it
 * buffer.
 *
 * An empty batch says that the worker has printed something before what follows. Whoever does not pass on the worker's
 * output takes no notice of it.
 */
import type { OnReadOpts, Socket } from "node:net";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { OutputForwarded } from "../../internal/worker-outputs.ts";
import { CARRIER_HEADROOM, type Carrier, type CarrierEvents } from "../../session/carrier.ts";
import { BehindOutput } from "../output/behind-output.ts";
import { holdBatches } from "../output/held-batches.ts";
import type { Printed, PrintingOptions } from "../output/printed.ts";
import { UnwrittenBytes } from "./unwritten-bytes.ts";

const LENGTH_BYTES = 4;
const NOTHING = new Uint8Array(0);
/** How long a closed connection waits for a peer that does not read what was written before. */
const CLOSE_GRACE_MS = 2_000;

/** So much that a part of 64 KiB is read at once, with the frames that come with it. */
const READ_BUFFER_BYTES = 80 * 1024;

/** Batches from this size on may have data that are read to where they belong. */
const LARGE_BATCH_BYTES = 64 * 1024;

/**
 * How a socket reads: into one buffer for all reads, which spares it a stream's share of the work, and an allocation, for
 * every read; or straight to where the rest of a large part belongs.
 */
export class CarrierRead implements OnReadOpts {
  readonly #shared: Buffer = Buffer.allocUnsafeSlow(READ_BUFFER_BYTES);
  #reader: CarrierReader | undefined;
  /** Where the bytes go that are read next. The socket asks at its beginning, and after every read. */
  readonly buffer = (): Uint8Array => this.#reader?.memory ?? this.#shared;
  readonly callback = (length: number, buffer: Uint8Array): boolean => {
    const shared = this.#shared;
    if (buffer !== shared) this.#reader?.advance(length);
    else this.#reader?.take(length === shared.length ? shared : shared.subarray(0, length));
    return true;
  };

  /** Says who takes what is read. */
  readBy(reader: CarrierReader): void {
    this.#reader = reader;
  }
}

/** Takes what is read. */
interface CarrierReader {
  /** Where the rest of a large batch is to be read to; absent: nowhere in particular. */
  readonly memory: Uint8Array | undefined;
  /** So many bytes have been read there. */
  advance(lengthBytes: number): void;
  /** These have been read; valid only during the call. */
  take(bytes: Buffer): void;
}

/** Batches over one socket. */
export class UnixCarrier implements Carrier, CarrierReader {
  readonly local = true;
  readonly volatile: boolean;
  readonly description: string;
  events: CarrierEvents | undefined;
  readonly #socket: Socket;
  readonly #maxBatchBytes: number;
  readonly #printed: Printed | undefined;
  readonly #behindOutput: BehindOutput | undefined;
  readonly #forwarded: OutputForwarded | undefined;
  /** To be closed once what waits for output has been sent. */
  #closing = false;
  /** Who wants to know when what waits for output has left. */
  readonly #behind: (() => void)[] = [];
  readonly #unwritten: UnwrittenBytes;
  /** Where the rest of a batch belongs whose beginning has been handed out. */
  memory: Uint8Array | undefined;
  /** Who has given it. */
  #filling: CarrierEvents | undefined;
  /** Start of a batch whose end has not come yet. */
  #partial: Buffer | undefined;
  #partialBytes = 0;
  #ended = false;
  #error: Error | undefined;
  #closeDeadline: DeadlineEntry | undefined;

  /** @param options `read`: how the socket reads, if it does so into one buffer; see `Carrier.volatile`. */
  constructor(
    socket: Socket,
    options: PrintingOptions & {
      readonly description: string;
      readonly maxBatchBytes: number;
      readonly read?: CarrierRead;
    },
  ) {
    const { read } = options;
    this.#socket = socket;
    this.#unwritten = new UnwrittenBytes(socket);
    this.volatile = read !== undefined;
    read?.readBy(this);
    this.description = options.description;
    this.#maxBatchBytes = options.maxBatchBytes;
    this.#printed = options.printed;
    if (options.printed !== undefined) {
      this.#behindOutput = new BehindOutput(options.printed, {
        write: (batch, tail) => void (socket.writable && this.#write(batch, tail)), // as in `send`
        released: () => {
          for (const done of this.#behind.splice(0)) this.whenWritten(done);
          if (this.#closing) this.close();
          else this.events?.drain();
        },
      });
    }
    this.#forwarded = options.forwarded;
    socket.on("data", (chunk: Buffer) => this.take(chunk));
    socket.on("drain", () => this.events?.drain());
    socket.on("error", (error) => {
      this.#error ??= error;
    });
    // The peer's half-close ends the connection: both directions carry one conversation, and nobody is left to answer.
    socket.on("end", () => socket.destroy());
    socket.on("close", () => this.#close());
  }

  send(batch: Uint8Array, tail?: Uint8Array): boolean {
    if (this.#ended || !this.#socket.writable) return true; // its end is on the way; the session is told there
    if (this.#printed?.used === true && this.#behindOutput?.keeps(batch, tail) === true) return false;
    return this.#write(batch, tail);
  }

  #write(batch: Uint8Array, tail?: Uint8Array): boolean {
    const length = batch.length - CARRIER_HEADROOM + (tail?.length ?? 0);
    batch[0] = length & 0xff;
    batch[1] = (length >>> 8) & 0xff;
    batch[2] = (length >>> 16) & 0xff;
    batch[3] = length >>> 24;
    if (tail === undefined) {
      const more = this.#socket.write(batch);
      // What the system takes at once, as it does nearly always, has been written by now.
      if (this.#socket.writableLength > 0) this.#unwritten.add(batch);
      return more;
    }
    this.#socket.cork();
    this.#socket.write(batch);
    const more = this.#socket.write(tail);
    this.#socket.uncork();
    if (this.#socket.writableLength > 0) this.#unwritten.add(batch, tail);
    return more;
  }

  whenWritten(done: () => void): void {
    const socket = this.#socket;
    if (this.#ended) done();
    else if (this.#behindOutput?.holds === true) this.#behind.push(done);
    else if (socket.writableLength === 0) done();
    else if (socket.writable) socket.write(NOTHING, done);
    else socket.once("close", done);
  }

  sendBeforeExit(untilMs: number): boolean {
    this.#behindOutput?.send();
    return this.#ended || this.#unwritten.write(untilMs);
  }

  close(): void {
    if (this.#behindOutput?.holds === true) {
      this.#closing = true;
      return;
    }
    this.#socket.end();
    // A peer that never answers the end, or never reads, must not keep the descriptor open.
    this.#socket.destroySoon();
    this.#closeDeadline ??= deadlines.after(CLOSE_GRACE_MS, () => this.#socket.destroy());
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#socket.destroy();
  }

  advance(lengthBytes: number): void {
    const { memory } = this;
    if (memory === undefined) return;
    if (lengthBytes < memory.length) {
      this.memory = memory.subarray(lengthBytes);
      return;
    }
    const filling = this.#filling;
    this.memory = undefined;
    this.#filling = undefined;
    if (!this.#ended) filling?.filled?.();
  }

  take(chunk: Buffer): void {
    const { memory } = this;
    if (memory !== undefined) {
      const rest = Math.min(chunk.length, memory.length);
      memory.set(rest === chunk.length ? chunk : chunk.subarray(0, rest));
      this.advance(rest);
      if (rest < chunk.length && !this.#isOver) this.#cut(chunk, rest);
      return;
    }
    if (this.#partial !== undefined) {
      const rest = this.#fill(chunk);
      if (rest === chunk.length || this.#isOver) return;
      this.#cut(chunk, rest);
      return;
    }
    this.#cut(chunk, 0);
  }

  /** Hands out the whole batches of `chunk` and keeps the rest. */
  #cut(chunk: Buffer, from: number): void {
    let offset = from;
    while (chunk.length - offset >= LENGTH_BYTES) {
      const length = chunk.readUInt32LE(offset);
      if (!this.#admit(length)) return;
      const end = offset + LENGTH_BYTES + length;
      if (end > chunk.length) break;
      if (length === 0 && this.#forwarded !== undefined) holdBatches(this, this.#forwarded);
      else this.events?.batch(chunk, offset + LENGTH_BYTES, end);
      if (this.#isOver) return;
      offset = end;
    }
    if (offset === chunk.length) return;
    const known =
      chunk.length - offset >= LENGTH_BYTES ? chunk.readUInt32LE(offset) + LENGTH_BYTES : LENGTH_BYTES;
    if (known >= LARGE_BATCH_BYTES) {
      this.memory = this.events?.begun?.(chunk, offset + LENGTH_BYTES, chunk.length, offset + known);
      if (this.memory !== undefined) this.#filling = this.events;
      if (this.memory !== undefined || this.#isOver) return;
    }
    this.#partial = Buffer.allocUnsafe(known);
    this.#partialBytes = chunk.copy(this.#partial, 0, offset);
  }

  /** Completes the batch begun earlier, as far as `chunk` goes; returns where the next one begins. */
  #fill(chunk: Buffer): number {
    let partial = this.#partial as Buffer; // only called while there is one
    let offset = 0;
    if (this.#partialBytes < LENGTH_BYTES) {
      offset = chunk.copy(partial, this.#partialBytes, 0, LENGTH_BYTES - this.#partialBytes);
      this.#partialBytes += offset;
      if (this.#partialBytes < LENGTH_BYTES) return chunk.length;
      const length = partial.readUInt32LE(0);
      if (!this.#admit(length)) return chunk.length;
      const whole = Buffer.allocUnsafe(LENGTH_BYTES + length);
      partial.copy(whole, 0, 0, LENGTH_BYTES);
      this.#partial = partial = whole;
    }
    const copied = chunk.copy(partial, this.#partialBytes, offset);
    this.#partialBytes += copied;
    offset += copied;
    if (this.#partialBytes === partial.length) {
      this.#partial = undefined;
      this.#partialBytes = 0;
      if (partial.length === LENGTH_BYTES && this.#forwarded !== undefined)
        holdBatches(this, this.#forwarded);
      else this.events?.batch(partial, LENGTH_BYTES, partial.length);
    }
    return offset;
  }

  get #isOver(): boolean {
    return this.#ended || this.#socket.destroyed;
  }

  #admit(length: number): boolean {
    if (length <= this.#maxBatchBytes) return true;
    this.destroy(
      new ProtocolError(
        `A batch of ${length} bytes exceeds the limit of ${this.#maxBatchBytes}; the peer does not speak this protocol`,
      ),
    );
    return false;
  }

  #close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#partial = undefined;
    this.memory = undefined;
    this.#behindOutput?.drop();
    for (const done of this.#behind.splice(0)) done();
    if (this.#closeDeadline !== undefined) deadlines.cancel(this.#closeDeadline);
    this.events?.closed(this.#error);
  }
}
