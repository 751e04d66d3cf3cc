/**
 * The part of a connection that is the same for both halves of the protocol: the Hello exchange, and the
 * connection's end. Frames that arrive and leave in between are up to `inbound-frames.ts` and
 * `outbound-batch.ts`. Nothing but a Hello or a GoAway is read before the peer has introduced itself and fits.
 */
import { withUtf8Text } from "../codec/encode/utf8-text.ts";
import { ProtocolError } from "../errors/protocol-error.ts";
import { VersionError } from "../errors/version-error.ts";
import { shownBriefly } from "../internal/shown-text.ts";
import { BegunBatch } from "../wire/batch/begun-batch.ts";
import type { FrameReader } from "../wire/batch/frame-reader.ts";
import { BatchReader } from "../wire/batch/reader.ts";
import type { BatchWriter } from "../wire/batch/writer.ts";
import { Feature } from "../wire/features.ts";
import { FrameKind } from "../wire/frame-kind.ts";
import type { Define, Hello } from "../wire/frames.ts";
import { NackCode } from "../wire/messages/nack-code.ts";
import { type Payload, payloadSize } from "../wire/payload.ts";
import { isVersionCompatible } from "../wire/version.ts";
import type { Carrier, CarrierEvents, Enclosure } from "./carrier.ts";
import { InboundFrames } from "./inbound-frames.ts";
import { WaitingBatches } from "./input/waiting-batches.ts";
import { completeLimits, withinBudget } from "./limits.ts";
import { type MemoryBudget, processMemory } from "./memory/memory-budget.ts";
import { partGarbage } from "./memory/part-garbage.ts";
import type { ConnectionMemory, MemoryHolder } from "./memory/peer-memory.ts";
import { OutboundMessages } from "./messages/outbound-messages.ts";
import { SMALL_BATCH } from "./messages/received-message.ts";
import { OutboundBatch } from "./outbound-batch.ts";
import type { SessionHalf } from "./session-half.ts";
import { LAST_STREAM } from "./stream-numbers.ts";

/** Frames read before the time is looked at again. */
const FRAMES_BETWEEN_LOOKS = 16;
/** What a worker has answered may wait so much to be read before nothing more is taken from it. */
const READ_AHEAD_BYTES = 256 * 1024;

/** One connection, either half. */
export class Connection implements CarrierEvents, MemoryHolder {
  readonly carrier: Carrier;
  readonly hello: Hello;
  /** Writes into the turn's batch; `scheduleFlush` sees to it that it leaves. */
  readonly writer: BatchWriter;
  /** For frames that carry a payload, and those that must not overtake one. */
  readonly outbound: OutboundMessages;
  readonly inbound: InboundFrames;
  /** What the peer makes this process hold; absent for a peer on this host, who belongs to the same user. */
  readonly memory: ConnectionMemory | undefined;
  /** The peer's Hello: what it accepts and who it is; set before `ready`. */
  peer: Hello | undefined;
  /** Whether the peer reads long text as its code units, and objects of the platform. Plain fields, since every result asks. */
  takesTextUnits = false;
  takesPlatform = false;
  readonly #half: SessionHalf;
  readonly #reader: BatchReader = new BatchReader();
  readonly #begun: BegunBatch = new BegunBatch();
  readonly #batch: OutboundBatch;
  #state: "greeting" | "open" | "closed" = "greeting";
  /** Of a caller on the network, whose batches wait for their turn; absent: they are read as they come. */
  readonly #waiting: WaitingBatches | undefined;

  /** @param budget What peers may make this process hold; another than the process's own for tests. */
  constructor(carrier: Carrier, hello: Hello, half: SessionHalf, budget: MemoryBudget = processMemory()) {
    this.carrier = carrier;
    this.hello = carrier.local ? hello : withinBudget(hello, budget);
    this.#half = half;
    this.memory = carrier.local ? undefined : budget.open(carrier.description, this);
    this.#batch = new OutboundBatch(carrier, {
      half,
      sendBulk: () => this.outbound.pump(),
      turnSent: () => {
        this.#noteBacklog();
        partGarbage.collect();
      },
    });
    this.writer = this.#batch.writer;
    const { memory } = this;
    this.outbound = new OutboundMessages(carrier, this.#batch, half.serves ? memory : undefined);
    this.inbound = new InboundFrames(carrier, this.hello, {
      half,
      batch: this.#batch,
      outbound: this.outbound,
      memory,
    });
    // A batch in memory that is used again cannot wait.
    if (memory !== undefined && !carrier.volatile) {
      this.#waiting = new WaitingBatches({
        carrier,
        standing: memory.peer.standing,
        reader: this.#reader,
        inbound: this.inbound,
        read: (untilMs) => this.#read(untilMs),
        turnOver: () => this.ended || half.batchEnd(),
        ended: () => this.ended,
        readAheadBytes: half.serves ? 0 : READ_AHEAD_BYTES,
      });
    }
    carrier.events = this;
    this.writer.hello(this.hello);
    this.scheduleFlush();
  }

  get open(): boolean {
    return this.#state === "open";
  }

  get ended(): boolean {
    return this.#state === "closed";
  }

  /** Whether the peer may be sent what has come over a network, which says so to it. */
  get takesTainted(): boolean {
    return this.peer?.features.includes(Feature.Taint) === true;
  }

  /** Whether the peer knows calls again by a key. */
  get takesKeys(): boolean {
    return this.peer?.features.includes(Feature.Answers) === true;
  }

  /** Whether the peer takes iterables, streams and callbacks among arguments. */
  get takesFlows(): boolean {
    return this.peer?.features.includes(Feature.Flows) === true;
  }

  /** Whether streams may pass from and to the peer without their caller. */
  get takesHandOver(): boolean {
    return this.peer?.features.includes(Feature.HandOver) === true;
  }

  /** Whether the peer takes context variables. */
  get takesContext(): boolean {
    return this.peer?.features.includes(Feature.Context) === true;
  }

  /** Whether the peer counts resources. */
  get takesResources(): boolean {
    return this.peer?.features.includes(Feature.Resources) === true;
  }

  /** Whether the peer has sent something that is still to be read. */
  get hasInput(): boolean {
    return this.#waiting?.any === true;
  }

  /** Whether bulk should wait: the carrier or the peer's window is full. */
  get congested(): boolean {
    return this.outbound.congested;
  }

  /**
   * Tells whether the peer accepts a message of this size.
   *
   * @returns `undefined` if it does, else the size and the limit in bytes.
   */
  excess(payload: Payload): { readonly sizeBytes: number; readonly limitBytes: number } | undefined {
    const limitBytes = this.peer?.limits.maxMessage ?? Number.POSITIVE_INFINITY;
    if (payload.parts.length === 0 && payload.end - payload.start <= limitBytes) return undefined;
    const sizeBytes = payloadSize(payload);
    return sizeBytes > limitBytes ? { sizeBytes, limitBytes } : undefined;
  }

  /**
   * A payload as the peer reads it, and accepts it: with its long text in UTF-8 for one that reads no other, and where
   * only that is small enough, which text in UTF-16 may not be.
   */
  readable(payload: Payload): Payload {
    if (payload.textUnits !== true) return payload;
    if (this.takesTextUnits && this.excess(payload) === undefined) return payload;
    return withUtf8Text(payload);
  }

  /** Stops sending and receiving parts of a stream that has ended. */
  dropTransfers(stream: number): void {
    this.outbound.drop(stream);
    this.inbound.drop(stream);
  }

  /** Nobody refers any more to a payload of this peer's that was kept, nor to its memory. */
  release({ bytes }: Payload): void {
    if (bytes.length <= SMALL_BATCH) return; // others may be kept in it
    // What is left of its batch is still to be read.
    if (this.#waiting?.isBeingRead(bytes) === true) this.inbound.keepsBatch = false;
    else this.carrier.release?.(bytes);
  }

  /** The peer's definition under this kind and index. */
  definition(kind: number, index: number): Define | undefined {
    return this.inbound.definition(kind, index);
  }

  /** Sends the turn's frames once the turn is over. */
  scheduleFlush(): void {
    this.#batch.scheduleFlush();
  }

  /** Of one that serves: when it last sent something, as `performance.now()` counts. */
  get flushedMs(): number {
    return this.#batch.flushedMs;
  }

  /** Sends what has been written so far, and parts with it, in the midst of a turn. */
  flush(): void {
    this.outbound.pump();
    this.#batch.flush();
  }

  /**
   * Sends what has been written, as far as the peer's window goes, without the event loop: the process is about to
   * end.
   *
   * @param untilMs When to give up, as `performance.now()` counts.
   */
  sendBeforeExit(untilMs: number): void {
    this.flush();
    while (this.carrier.sendBeforeExit?.(untilMs) === true && this.outbound.resume());
  }

  /** Ends the connection, telling the peer why. */
  fail(error: ProtocolError | VersionError, code: number = NackCode.UNSPECIFIED): void {
    if (this.#state === "closed") return;
    // Before the greeting nothing can have started; after it, anything may have.
    const lastStream = this.#state === "greeting" ? 0 : LAST_STREAM;
    this.writer.goAway({ lastStream, code, detail: error.message.slice(0, 1000), graceMs: 0 });
    this.#batch.flush();
    this.#end(error);
    this.carrier.close();
  }

  /** Ends the connection, after sending what has been written. */
  close(): void {
    if (this.#state === "closed") return;
    this.#batch.flush();
    this.#end(undefined);
    this.carrier.close();
  }

  /** Ends the connection at once. */
  destroy(error: Error): void {
    if (this.#state === "closed") return;
    this.#end(error);
    this.carrier.destroy(error);
  }

  batch(bytes: Uint8Array, start: number, end: number): void {
    if (this.#state === "closed") {
      this.carrier.release?.(bytes);
      return;
    }
    if (this.#waiting !== undefined) return this.#waiting.add(bytes, start, end);
    this.#reader.reset(bytes, start, end);
    this.#read(Number.POSITIVE_INFINITY);
  }

  enclosed(enclosure: Enclosure): void {
    this.inbound.enclosed(enclosure, this.ended);
  }

  begun(bytes: Uint8Array, start: number, end: number, batchEnd: number): Uint8Array | undefined {
    if (this.#state !== "open" || this.memory !== undefined) return undefined;
    const begun = this.#begun;
    if (!begun.read(bytes, start, end, batchEnd)) return undefined;
    if (begun.frameStart > start) this.batch(bytes, start, begun.frameStart);
    if (this.#isClosed()) return undefined;
    try {
      return this.inbound.begin(begun, bytes, end);
    } catch (error) {
      this.#failFor(error);
      return undefined;
    }
  }

  filled(): void {
    if (this.#state === "closed") return;
    try {
      this.inbound.filled(this.#begun);
    } catch (error) {
      this.#failFor(error);
      return;
    }
    this.#wasRead();
  }

  drain(): void {
    this.#batch.drained();
    this.outbound.pump();
    this.#noteBacklog();
    this.#half.drained();
  }

  holdInput(held: boolean): void {
    if (this.#waiting === undefined) this.carrier.holdInput?.(held);
    else this.#waiting.hold(held);
    if (!held) this.#half.drained(); // work may have been deferred meanwhile
  }

  overdue(problem: string): void {
    this.fail(new ProtocolError(problem));
  }

  closed(error: Error | undefined): void {
    // Answers count however the connection has ended; requests of a caller that is gone do not.
    if (!this.#half.serves && this.#state !== "closed") this.#waiting?.readAll();
    this.#end(error);
  }

  #greet(frame: FrameReader): void {
    if (frame.kind === FrameKind.GoAway) {
      this.#half.goAway(frame.goAway());
      return;
    }
    if (frame.kind !== FrameKind.Hello)
      throw new ProtocolError("The first frame of a connection must be a Hello");
    const hello = frame.hello();
    if (!isVersionCompatible(this.hello.version, hello.version)) {
      this.fail(new VersionError(this.hello.version, hello.version), NackCode.VERSION);
      return;
    }
    if (!hello.codecs.some((codec) => this.hello.codecs.includes(codec))) {
      this.fail(
        new ProtocolError(
          `No payload codec in common: the peer names [${shownBriefly(hello.codecs.join(", "), 500)}]`,
          { refusal: "CODEC" },
        ),
        NackCode.CODEC,
      );
      return;
    }
    const peer = { ...hello, limits: completeLimits(hello.limits) };
    this.peer = peer;
    this.takesTextUnits = peer.features.includes(Feature.TextUnits);
    this.takesPlatform = peer.features.includes(Feature.Platform);
    this.#batch.keepTo(peer.limits);
    this.outbound.keepTo(peer);
    this.#state = "open";
    this.#half.ready(peer);
  }

  /**
   * Reads on in the current batch.
   *
   * @param untilMs When to stop, as `performance.now()` counts.
   * @returns Whether something of it is left.
   */
  #read(untilMs: number): boolean {
    let left = false;
    try {
      const reader = this.#reader;
      for (let frames = 1; reader.next(); frames++) {
        if (this.#state === "greeting") this.#greet(reader);
        else this.inbound.take(reader);
        if (this.#isClosed()) return false;
        if (frames % FRAMES_BETWEEN_LOOKS === 0 && performance.now() >= untilMs) {
          left = true;
          break;
        }
      }
    } catch (error) {
      this.#failFor(error);
      return false;
    }
    this.#wasRead();
    return left;
  }

  /** For what was thrown while reading. */
  #failFor(error: unknown): void {
    if (!(error instanceof ProtocolError)) throw error;
    this.fail(error);
  }

  /** A batch has been read, or as much of it as has come. */
  #wasRead(): void {
    this.inbound.returnWindow();
    if (this.#waiting === undefined) this.#half.batchEnd();
    this.memory?.check();
  }

  /** Answers that a client does not read count as held for it. */
  #noteBacklog(): void {
    if (this.memory === undefined || !this.#half.serves) return;
    this.memory.setBacklog(this.carrier.backlogBytes ?? 0);
    this.memory.check();
  }

  #isClosed(): boolean {
    return this.#state === "closed";
  }

  #end(error: Error | undefined): void {
    if (this.#state === "closed") return;
    this.#state = "closed";
    this.#batch.end();
    this.inbound.clear();
    this.outbound.clear();
    this.memory?.close();
    this.#waiting?.end();
    this.#half.closed(error);
  }
}
