/**
 * A worker in memory that costs as little as a worker can: it answers every task with nothing, in a later
 * turn of the loop. What a benchmark measures with it is the caller's side.
 */
import { CARRIER_HEADROOM, type Carrier, type CarrierEvents } from "../../src/session/carrier.ts";
import { DEFAULT_LIMITS } from "../../src/session/limits.ts";
import { BatchReader } from "../../src/wire/batch/reader.ts";
import { BatchWriter } from "../../src/wire/batch/writer.ts";
import { FrameKind } from "../../src/wire/frame-kind.ts";
import type { MessageFields } from "../../src/wire/frames.ts";
import { NO_PAYLOAD } from "../../src/wire/payload.ts";
import { version, WIRE_CODEC } from "../../src/wire/version.ts";

/** How long its bodies claim to have held the worker, in microseconds. */
const BODY_US = 5;

/** Nothing, as a return value. */
const DONE: MessageFields = { kind: FrameKind.Done, parts: 0, detached: false, bodyUs: BODY_US };

/**
 * How answers travel: a batch for a batch, as those of bodies that take next to nothing do, or each by itself,
 * as those of bodies that take some time.
 */
export type Answers = "batched" | "each";

/** A connection to such a worker, as its client holds it. */
export class SimulatedWorker implements Carrier {
  readonly volatile = false;
  readonly local = true;
  readonly description = "memory";
  events: CarrierEvents | undefined;
  /** Batches answered. */
  batches = 0;
  readonly #uid: string;
  readonly #reader = new BatchReader();
  readonly #writer = new BatchWriter();
  readonly #answers: Answers;
  /** Streams to be answered, each by itself. */
  readonly #pending: number[] = [];
  #answering = false;
  #over = false;
  readonly #answer = (): void => {
    this.#answering = false;
    if (this.#over) return;
    const stream = this.#pending.shift();
    if (stream !== undefined) this.#writer.message(stream, DONE, NO_PAYLOAD);
    this.batches += 1;
    const batch = this.#writer.take();
    if (this.#pending.length > 0) this.#answerSoon();
    this.events?.batch(batch, BatchWriter.HEADROOM, batch.length);
  };

  constructor(uid: string, answers: Answers) {
    this.#uid = uid;
    this.#answers = answers;
  }

  send(batch: Uint8Array): boolean {
    if (this.#over) return true;
    const reader = this.#reader;
    reader.reset(batch, CARRIER_HEADROOM, batch.length);
    while (reader.next()) {
      if (reader.kind === FrameKind.Task) {
        if (this.#answers === "each") this.#pending.push(reader.stream);
        else this.#writer.message(reader.stream, DONE, NO_PAYLOAD);
      } else if (reader.kind === FrameKind.Hello) this.#greet();
    }
    if (this.#pending.length > 0 || this.#writer.length > 0) this.#answerSoon();
    return true;
  }

  close(): void {
    this.#end(undefined);
  }

  destroy(error?: Error): void {
    this.#end(error);
  }

  #answerSoon(): void {
    if (this.#answering) return;
    this.#answering = true;
    setImmediate(this.#answer);
  }

  #greet(): void {
    this.#writer.hello({
      session: 0,
      version,
      uid: this.#uid,
      runtime: "node",
      codecs: [WIRE_CODEC],
      features: [],
      limits: DEFAULT_LIMITS,
    });
  }

  #end(error: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.events?.closed(error);
  }
}
