/**
 * The carrier between a program and a worker in a thread of it: batches in two rings of shared memory, one each way, and
 * beside them a port for what is too large for a ring, and for enclosures. Each record says how many messages the port had
 * been given before it, so that its reader keeps the order. What finds no room in the ring waits here until half of it has
 * been read. It does not look into a batch, but an empty one says that the worker has printed something before what follows.
 */
import { type MessagePort, receiveMessageOnPort, type Transferable } from "node:worker_threads";
import { ArrayQueue } from "../../internal/array-queue.ts";
import type { Spinner } from "../../internal/loop-spinner.ts";
import type { OutputForwarded } from "../../internal/worker-outputs.ts";
import { CARRIER_HEADROOM, type Carrier, type CarrierEvents, type Enclosure } from "../../session/carrier.ts";
import { BehindOutput } from "../output/behind-output.ts";
import { holdBatches } from "../output/held-batches.ts";
import type { Printed, PrintingOptions } from "../output/printed.ts";
import { createRingMemory, MAX_RECORD_BYTES, RingReader, RingWriter } from "./ring.ts";
import type { CarrierWaiter, Waited } from "./ring-waiter.ts";
import { SleepWord } from "./sleep-word.ts";

/** Bytes that one end may have given the port and the other not yet taken, before `send` says that bulk should wait. */
const PORT_WINDOW_BYTES = 1024 * 1024;

/** The memory of one connection. */
export interface RingMemory {
  /** What the client writes. */
  readonly toServer: SharedArrayBuffer;
  /** What the server writes. */
  readonly toClient: SharedArrayBuffer;
}

/** How a ring carrier is made. */
export interface RingCarrierOptions extends PrintingOptions {
  /** From {@link createRings}; both ends have the same. */
  readonly memory: RingMemory;
  readonly side: "client" | "server";
  /** Waits for all carriers of this thread. */
  readonly waiter: CarrierWaiter;
  /** By which the thread of the other end is woken: the `memory` of its waiter. */
  readonly peerSleep: SharedArrayBuffer;
  /** Name of the peer for messages. */
  readonly description: string;
}

/** A batch that waits for room. Whoever has handed it over writes to it no more. */
interface WaitingBatch {
  readonly batch: Uint8Array;
  readonly tail: Uint8Array | undefined;
}

/** Makes the memory for one pair of ends. */
export function createRings(): RingMemory {
  return { toServer: createRingMemory(), toClient: createRingMemory() };
}

/** Batches over one pair of rings, and one end of a message channel, which it owns from here on. */
export class RingCarrier implements Carrier, Waited {
  readonly local = true;
  readonly volatile = true;
  readonly description: string;
  readonly spinner: Spinner;
  events: CarrierEvents | undefined;
  readonly #port: MessagePort;
  readonly #writer: RingWriter;
  readonly #reader: RingReader;
  readonly #waiter: CarrierWaiter;
  readonly #peer: SleepWord;
  readonly #printed: Printed | undefined;
  readonly #behindOutput: BehindOutput | undefined;
  readonly #forwarded: OutputForwarded | undefined;
  /** Messages that the port has been given, and has given, modulo 2³². */
  #posted = 0;
  #received = 0;
  /** Batches that came through the port before it was their turn. */
  readonly #large = new ArrayQueue<Uint8Array>();
  /** What is on its way through the port: its bytes, and where the mark for it ends. */
  readonly #inPort = new ArrayQueue<{ readonly bytes: number; readonly end: number }>();
  #inPortBytes = 0;
  /** What found no room in the ring. */
  readonly #waiting = new ArrayQueue<WaitingBatch>();
  /** The session has been told that bulk should wait, and the peer, that it is to say when there is room. */
  #full = false;
  /** Whether what the port is given has its mark in the ring: always, before this end closes. */
  #marks = true;
  /** To be closed once what waits for output has been sent. */
  #closing = false;
  #ended = false;
  #portClosed = false;
  #error: Error | undefined;

  readonly enclose = (enclosure: Enclosure, transfer: readonly Transferable[]): boolean => {
    if (this.#ended) return false;
    this.#port.postMessage(enclosure, transfer);
    this.#posted = (this.#posted + 1) | 0; // the next record has it taken first
    return true;
  };

  constructor(port: MessagePort, options: RingCarrierOptions) {
    const { memory, side, waiter, peerSleep, description, printed, forwarded } = options;
    const isClient = side === "client";
    this.#port = port;
    this.#writer = new RingWriter(isClient ? memory.toServer : memory.toClient);
    this.#reader = new RingReader(isClient ? memory.toClient : memory.toServer);
    this.#waiter = waiter;
    this.spinner = waiter;
    this.#peer = new SleepWord(peerSleep);
    this.description = description;
    this.#printed = printed;
    this.#forwarded = forwarded;
    if (printed !== undefined) {
      this.#behindOutput = new BehindOutput(printed, {
        write: (batch, tail) => void (this.#ended || this.#write(batch, tail)),
        released: () => (this.#closing ? this.close() : this.events?.drain()),
      });
    }
    port.on("message", (message: unknown) => this.#fromPort(message));
    port.on("close", () => this.#closed());
    port.unref(); // calls keep the program alive, its parent a worker
    waiter.add(this);
  }

  send(batch: Uint8Array, tail?: Uint8Array): boolean {
    if (this.#ended) return true; // its end is on the way; the session is told there
    if (this.#printed?.used === true && this.#behindOutput?.keeps(batch, tail) === true) return false;
    return this.#write(batch, tail);
  }

  sendBeforeExit(): boolean {
    this.#behindOutput?.send();
    this.#postWaiting();
    return true; // what is there arrives, however this thread ends
  }

  close(): void {
    if (this.#behindOutput?.holds === true) {
      this.#closing = true;
      return;
    }
    this.#postWaiting();
    this.#end();
  }

  destroy(error?: Error): void {
    this.#error ??= error;
    this.#end();
  }

  get pending(): boolean {
    return this.#reader.pending || (this.#full && this.#writer.answered);
  }

  take(): void {
    this.#read();
    if (!this.#full || this.#ended || !this.#writer.answered) return;
    if (this.#sendWaiting()) this.events?.drain();
  }

  #write(batch: Uint8Array, tail: Uint8Array | undefined): boolean {
    if (!this.#marks) {
      this.#post(batch, tail);
      return true;
    }
    if (this.#waiting.size > 0 || !this.#pass(batch, tail)) this.#waiting.push({ batch, tail });
    else this.#waiter.sent(this.#peer.wake());
    if (this.#full) return false;
    if (this.#waiting.size === 0 && this.#inPortBytes <= PORT_WINDOW_BYTES) return true;
    this.#full = true;
    return this.#sendWaiting();
  }

  /** Writes a batch to where the peer finds it. Returns false if there is no room. */
  #pass(batch: Uint8Array, tail: Uint8Array | undefined): boolean {
    const writer = this.#writer;
    const length = batch.length - CARRIER_HEADROOM + (tail?.length ?? 0);
    if (length <= MAX_RECORD_BYTES) return writer.write(batch, CARRIER_HEADROOM, tail, this.#posted);
    if (!writer.fits(0)) return false;
    this.#post(batch, tail);
    writer.mark(this.#posted);
    this.#inPort.push({ bytes: length, end: writer.at });
    this.#inPortBytes += length;
    return true;
  }

  #post(batch: Uint8Array, tail: Uint8Array | undefined): void {
    const head = batch.length - CARRIER_HEADROOM;
    // Memory of exactly this size: it changes hands, and the batch's own is used on here.
    const bytes = Buffer.allocUnsafeSlow(head + (tail?.length ?? 0));
    bytes.set(batch.subarray(CARRIER_HEADROOM));
    if (tail !== undefined) bytes.set(tail, head);
    this.#port.postMessage(bytes, [bytes.buffer]);
    this.#posted = (this.#posted + 1) | 0;
  }

  /**
   * Sends what waits, as far as there is room.
   *
   * @returns Whether nothing is full any more; otherwise the peer says when to go on.
   */
  #sendWaiting(): boolean {
    let told = false;
    for (;;) {
      const { size } = this.#waiting;
      for (let next = this.#waiting.peek(); next !== undefined; next = this.#waiting.peek()) {
        if (!this.#pass(next.batch, next.tail)) break;
        this.#waiting.shift();
      }
      told ||= this.#waiting.size < size;
      this.#countPort();
      const inRing = this.#waiting.size > 0;
      if (!inRing && this.#inPortBytes <= PORT_WINDOW_BYTES) break;
      if (this.#writer.awaitReader(inRing ? this.#writer.halfReadAt : this.#portReadAt())) continue;
      if (told) this.#peer.wake();
      return false;
    }
    this.#full = false;
    if (told) this.#peer.wake();
    return true;
  }

  /** Gives the port what waits, without a mark: the peer takes that last, when it reads that this end has closed. */
  #postWaiting(): void {
    if (this.#waiting.size > 0) this.#marks = false;
    for (const { batch, tail } of this.#waiting) this.#post(batch, tail);
    this.#waiting.clear();
  }

  #countPort(): void {
    const { readTo } = this.#writer;
    for (let oldest = this.#inPort.peek(); oldest !== undefined; oldest = this.#inPort.peek()) {
      if (((readTo - oldest.end) | 0) < 0) return;
      this.#inPort.shift();
      this.#inPortBytes -= oldest.bytes;
    }
  }

  /** Where half of the port's window will be free. */
  #portReadAt(): number {
    let left = this.#inPortBytes;
    for (const { bytes, end } of this.#inPort) {
      left -= bytes;
      if (left <= PORT_WINDOW_BYTES / 2) return end;
    }
    return this.#writer.at;
  }

  #read(): void {
    const reader = this.#reader;
    reader.look();
    try {
      while (!this.#ended && reader.next()) {
        if (reader.note !== this.#received) this.#pull(reader.note);
        if (!reader.marks) this.#deliver(reader.bytes, reader.length);
        else this.#deliverLarge();
        if (reader.isFarAhead && reader.release()) this.#peer.wake();
      }
    } finally {
      if (reader.release()) this.#peer.wake();
    }
  }

  /** Takes from the port what came before a record, if the loop has not. */
  #pull(posted: number): void {
    // A port that has closed has given all it had; to ask it again would end the process.
    while (((posted - this.#received) | 0) > 0 && !this.#portClosed) {
      const received = receiveMessageOnPort(this.#port);
      if (received === undefined) return;
      this.#fromPort(received.message);
    }
  }

  #fromPort(message: unknown): void {
    this.#received = (this.#received + 1) | 0;
    if (message instanceof Uint8Array) this.#large.push(message);
    else this.events?.enclosed?.(message as Enclosure);
  }

  #deliverLarge(): void {
    const batch = this.#large.shift();
    if (batch !== undefined) this.#deliver(batch, batch.length);
  }

  #deliver(bytes: Uint8Array, length: number): void {
    if (length === 0 && this.#forwarded !== undefined) holdBatches(this, this.#forwarded);
    else this.events?.batch(bytes, 0, length);
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#behindOutput?.drop();
    this.#waiting.clear();
    this.#waiter.remove(this);
    this.#port.close();
    this.#peer.wake();
  }

  #closed(): void {
    this.#portClosed = true;
    this.#waiter.remove(this);
    // The other end has written nothing since.
    if (!this.#ended) this.#read();
    while (!this.#ended && this.#large.size > 0) this.#deliverLarge();
    this.#ended = true;
    this.#behindOutput?.drop();
    this.#waiting.clear();
    const { events } = this;
    this.events = undefined;
    events?.closed(this.#error);
  }
}
