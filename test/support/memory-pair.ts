/**
 * Two connected carriers in memory, with switches for what a network does: it delays, it fills up, it cuts
 * batches elsewhere than they were made, it breaks. Batches arrive in a later turn of the loop, in order.
 */
import type { Transferable } from "node:worker_threads";
import {
  CARRIER_HEADROOM,
  type Carrier,
  type CarrierEvents,
  type Enclosure,
} from "../../src/session/carrier.ts";
import { BatchReader } from "../../src/wire/batch/reader.ts";
import { FrameKind } from "../../src/wire/frame-kind.ts";

/** How the pair is made. */
export interface MemoryPairOptions {
  /** What both ends say about themselves. Default true. */
  readonly local?: boolean;
  /** Whether the memory of a batch is spoilt once the batch has been taken. Default false. */
  readonly volatile?: boolean;
  /** Whether objects pass beside the batches, as between threads. Default false. */
  readonly encloses?: boolean;
  /** Tells it from other pairs, where several peers are counted apart. Default: none. */
  readonly name?: string;
}

/** One end of the pair. */
export class MemoryCarrier implements Carrier {
  readonly local: boolean;
  readonly volatile: boolean;
  readonly description: string;
  readonly enclose: Carrier["enclose"];
  events: CarrierEvents | undefined;
  /** Every batch that this end has sent, without the headroom. */
  readonly sent: Uint8Array[] = [];
  /** Delivers each frame in a batch of its own. */
  split = false;
  /** What `send` answers; setting it to false tells the session that there is room again. */
  #congested = false;
  #paused = false;
  #peer: MemoryCarrier | undefined;
  /** Of a carrier of the network: spoils the memory that nobody is to look at again. */
  readonly release: ((bytes: Uint8Array) => void) | undefined;
  /** Lengths of what was given back. */
  readonly released: number[] = [];
  readonly #queue: Uint8Array[] = [];
  #scheduled = false;
  #ending = false;
  #over = false;

  constructor(name: string, options: Required<MemoryPairOptions>) {
    this.description = `memory:${options.name}${name}`;
    this.local = options.local;
    this.volatile = options.volatile;
    if (options.encloses) {
      this.enclose = (enclosure, transfer) => {
        const passed = structuredClone(enclosure, { transfer: transfer as Transferable[] }) as Enclosure;
        if (!this.#over) this.#peer?.events?.enclosed?.(passed);
        return !this.#over;
      };
    }
    if (options.local || options.volatile) return;
    this.release = (bytes) => {
      bytes.fill(0xff);
      this.released.push(bytes.length);
    };
  }

  /** Joins two ends. */
  static connect(a: MemoryCarrier, b: MemoryCarrier): void {
    a.#peer = b;
    b.#peer = a;
  }

  /** Bytes that this end has sent. */
  get sentBytes(): number {
    return this.sent.reduce((sum, batch) => sum + batch.length, 0);
  }

  /** Whether the session has been told of the end. */
  get over(): boolean {
    return this.#over;
  }

  get congested(): boolean {
    return this.#congested;
  }

  set congested(value: boolean) {
    const relieved = this.#congested && !value;
    this.#congested = value;
    if (relieved && !this.#over) this.events?.drain();
  }

  /** Keeps what this end sends from arriving, until `resume`. */
  pause(): void {
    this.#paused = true;
  }

  /** Lets everything arrive that was kept, and what follows. */
  resume(): void {
    this.#paused = false;
    this.#schedule();
  }

  /** Breaks the connection: what has not arrived is lost. */
  cut(error: Error = new Error("cut")): void {
    this.#queue.length = 0;
    const peer = this.#peer;
    if (peer !== undefined) {
      peer.#queue.length = 0;
      peer.end(error);
    }
    this.end(error);
  }

  /** Puts a batch on its way to the peer as if the session of this end had sent it. */
  inject(batch: Uint8Array): void {
    this.#queue.push(batch);
    this.#schedule();
  }

  /** Hands a batch to the peer's session at once. */
  arrivesAtPeer(batch: Uint8Array): void {
    this.#peer?.arrive(batch);
  }

  send(batch: Uint8Array, tail?: Uint8Array): boolean {
    if (this.#over || this.#ending) return true;
    const bytes = new Uint8Array(batch.length - CARRIER_HEADROOM + (tail?.length ?? 0));
    bytes.set(batch.subarray(CARRIER_HEADROOM));
    if (tail !== undefined) bytes.set(tail, batch.length - CARRIER_HEADROOM);
    this.sent.push(bytes);
    this.inject(bytes);
    return !this.#congested;
  }

  /** Whether the session of this end takes nothing from its peer now. */
  held = false;

  holdInput(held: boolean): void {
    if (held === this.held) return;
    this.held = held;
    if (held) this.#peer?.pause();
    else this.#peer?.resume();
  }

  close(): void {
    if (this.#ending || this.#over) return;
    this.#ending = true;
    this.#schedule();
  }

  destroy(error?: Error): void {
    this.#queue.length = 0;
    setImmediate(() => this.end(error));
    setImmediate(() => this.#peer?.end(undefined));
  }

  #schedule(): void {
    if (this.#scheduled || this.#paused) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      if (!this.#paused) this.#deliver();
    });
  }

  #deliver(): void {
    for (let batch = this.#queue.shift(); batch !== undefined; batch = this.#queue.shift()) {
      for (const piece of this.split ? splitFrames(batch) : [batch]) this.#peer?.arrive(piece);
      if (this.#paused) return;
    }
    if (!this.#ending) return;
    this.end(undefined);
    this.#peer?.end(undefined);
  }

  /** Hands a batch to the session of this end. */
  arrive(batch: Uint8Array): void {
    if (this.#over) return;
    // Somewhere in a larger piece of memory, as a socket would give it.
    const memory = new Uint8Array(batch.length + 5);
    memory.set(batch, 3);
    this.events?.batch(memory, 3, 3 + batch.length);
    if (this.volatile) memory.fill(0xff);
  }

  /** Tells the session of this end that the connection is over. */
  end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.events?.closed(error);
  }
}

/** Makes two connected ends. */
export function memoryPair(options: MemoryPairOptions = {}): {
  readonly client: MemoryCarrier;
  readonly server: MemoryCarrier;
} {
  const { local = true, volatile = false, encloses = false, name = "" } = options;
  const client = new MemoryCarrier("client", { local, volatile, encloses, name });
  const server = new MemoryCarrier("server", { local, volatile, encloses, name });
  MemoryCarrier.connect(client, server);
  return { client, server };
}

/** The same frames, each in a batch of its own; what cannot be told apart stays together. */
export function splitFrames(batch: Uint8Array): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  let at = 0;
  while (at < batch.length) {
    if (batch[at] !== 0x0a) return [...pieces, batch.subarray(at)];
    let length = 0;
    let position = at + 1;
    for (let shift = 0; ; shift += 7) {
      const byte = batch[position];
      if (byte === undefined || shift > 28) return [...pieces, batch.subarray(at)];
      position += 1;
      length += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    pieces.push(batch.subarray(at, position + length));
    at = position + length;
  }
  return pieces;
}

/** A frame as a test looks at it. */
export interface SeenFrame {
  readonly kind: number;
  readonly stream: number;
  /** Which of the batches it was in. */
  readonly batch: number;
  readonly bodyUs: number;
  readonly payloadBytes: number;
  /** Task: identity of the routine, where the task names it. */
  readonly callable: string | undefined;
  /** GoAway, Nack, Reset: the refusal's number. */
  readonly code: number;
}

/** Reads the frames of batches, in order. */
export function framesOf(batches: readonly Uint8Array[]): SeenFrame[] {
  const reader = new BatchReader();
  const frames: SeenFrame[] = [];
  batches.forEach((bytes, batch) => {
    reader.reset(bytes, 0, bytes.length);
    while (reader.next()) {
      const { kind, stream, bodyUs, payload } = reader;
      let code = 0;
      if (kind === FrameKind.GoAway) code = reader.goAway().code;
      else if (kind === FrameKind.Nack) code = reader.nack().code;
      else if (kind === FrameKind.Reset) code = reader.resetInfo().code;
      const callable = kind === FrameKind.Task ? reader.task.callable() : undefined;
      frames.push({ kind, stream, batch, bodyUs, payloadBytes: payload.end - payload.start, callable, code });
    }
  });
  return frames;
}
