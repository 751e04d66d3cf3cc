/**
 * Carries the output of a worker process to the output of this process, and remembers the end of its standard
 * error for messages. The order within each stream is kept and nothing is dropped while this process can
 * write; a full output pauses the worker's stream instead of filling memory. It goes through
 * `process.stdout.write`, so that output captured or redirected here includes the workers'.
 */

import type { Readable, Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { keepAlive, letExit } from "../internal/keep-alive.ts";
import { processWide } from "../internal/process-wide.ts";
import { pause, waitAtMost } from "../internal/time/wait.ts";

/** How much of standard error is remembered. */
const TAIL_BYTES = 8 * 1024;

/**
 * How long after the end of a process its output may take to end too. It is there already, except where
 * the process left children behind which keep its streams open.
 */
const DRAIN_MS = 250;

/** How long answers wait for output that nobody reads. */
const FORWARD_MS = 1_000;

/** Looked up at every write, since tests and loggers replace them. */
export interface OutputDestinations {
  readonly stdout: Writable;
  readonly stderr: Writable;
}

/** The output of one child process. */
export class ChildOutput {
  readonly #streams: readonly Readable[];
  readonly #tail = new Tail(TAIL_BYTES);
  readonly #destinations: OutputDestinations;
  /** How often something has come. */
  #reads = 0;

  /**
   * Starts to forward. The streams are unreferenced: an idle worker does not keep this process alive.
   *
   * @param child A process whose output is piped; its streams are missing if it could not be started.
   */
  constructor(
    child: { readonly stdout?: Readable | null; readonly stderr?: Readable | null },
    destinations: OutputDestinations = process,
  ) {
    const { stdout, stderr } = child;
    this.#streams = [stdout, stderr].filter((stream) => stream !== null && stream !== undefined);
    const pass = (chunk: Buffer, from: Readable, to: Writable): void => {
      this.#reads += 1;
      outputTo(to).write(chunk, from);
    };
    this.#destinations = destinations;
    stdout?.on("data", (chunk: Buffer) => pass(chunk, stdout, destinations.stdout));
    stderr?.on("data", (chunk: Buffer) => {
      this.#tail.add(chunk);
      pass(chunk, stderr, destinations.stderr);
    });
    for (const stream of this.#streams) {
      // A broken pipe ends the stream as far as we are concerned; 'close' follows.
      stream.on("error", () => {});
      (stream as Readable & { unref?: () => void }).unref?.();
    }
  }

  /** Whether there is anything to pass on. */
  get piped(): boolean {
    return this.#streams.length > 0;
  }

  /** Writes something to standard error in the name of a worker that cannot do so any more. */
  complain(text: string): void {
    const chunk = Buffer.from(text);
    this.#tail.add(chunk);
    this.#destinations.stderr.write(chunk);
  }

  /**
   * Resolves once everything that is in the pipes now has been read and written; after {@link FORWARD_MS} also if the
   * destination does not take it. Never rejects.
   */
  async forwarded(): Promise<void> {
    const untilMs = performance.now() + FORWARD_MS;
    keepAlive();
    for (let round = 1, reads = -1; reads !== this.#reads || this.#isWriting; round += 1) {
      reads = this.#reads;
      // Between the two, the loop reads whatever there is to read.
      await turn();
      await turn();
      if (performance.now() >= untilMs) break;
      if (round >= 4) await pause(1); // slow to be read
    }
    letExit();
  }

  get #isWriting(): boolean {
    const { stdout, stderr } = this.#destinations;
    // Asked of the stream itself: a write() replaced by somebody may never call back.
    return stdout.writableLength > 0 || stderr.writableLength > 0;
  }

  /** The end of what the process wrote to standard error, cut to whole lines if it contains any. */
  get stderrTail(): string {
    return this.#tail.toString();
  }

  /**
   * Resolves once everything that the process wrote has been taken over, having let go of its streams.
   * Called after its end.
   *
   * @param others Something else to wait for within the same time.
   */
  async drained(others?: Promise<unknown>): Promise<void> {
    const ended = Promise.all([others, ...this.#streams.map(endOf)]);
    keepAlive(); // the streams are unreferenced
    const inTime = await waitAtMost(DRAIN_MS, ended);
    // The limit may have been reached because this process was busy: the streams are looked at once more.
    if (inTime === undefined) await turn();
    letExit();
    for (const stream of this.#streams) stream.destroy();
  }
}

/** Resolves when the stream has been read to its end, regardless of how fast the destination is: the rest is bounded. */
function endOf(stream: Readable): Promise<void> {
  if (stream.closed) return Promise.resolve();
  return new Promise((resolve) => {
    stream.once("close", resolve);
    stream.on("pause", () => stream.resume());
    stream.resume();
  });
}

/** One destination, shared by all workers that print to it: one listener each for 'error' and 'drain', and only while needed. */
class Output {
  readonly #destination: Writable;
  readonly #paused = new Set<Readable>();
  readonly #ours = new WeakSet<Error>();
  #pending = 0;

  readonly #onDrain = (): void => {
    this.#destination.off("drain", this.#onDrain);
    const sources = [...this.#paused];
    this.#paused.clear();
    for (const source of sources) source.resume();
  };

  /** Worker output that nobody reads any more is dropped; an error of another writer is left to that one. */
  readonly #onError = (error: Error): void => {
    if (this.#ours.has(error) || this.#destination.listenerCount("error") > 1) return;
    throw error;
  };

  constructor(destination: Writable) {
    this.#destination = destination;
  }

  write(chunk: Buffer, source: Readable): void {
    this.#pending += 1;
    if (this.#pending === 1) this.#destination.on("error", this.#onError);
    const room: unknown = this.#destination.write(chunk, (error) => this.#written(error));
    // Exactly false: a write() replaced by somebody may return nothing.
    if (room !== false) return;
    if (this.#paused.size === 0) this.#destination.once("drain", this.#onDrain);
    this.#paused.add(source);
    source.pause();
  }

  #written(error: Error | null | undefined): void {
    this.#pending -= 1;
    if (!error) return this.#rest();
    this.#ours.add(error);
    // A destination that fails does not drain, and reports the error as an event after this callback.
    this.#onDrain();
    setImmediate(() => this.#rest());
  }

  #rest(): void {
    if (this.#pending === 0) this.#destination.off("error", this.#onError);
  }
}

const outputs = processWide("child-output", () => new WeakMap<Writable, Output>());

function outputTo(destination: Writable): Output {
  let output = outputs.get(destination);
  if (output === undefined) {
    output = new Output(destination);
    outputs.set(destination, output);
  }
  return output;
}

/** The last bytes of a stream. */
class Tail {
  readonly #limit: number;
  #bytes: Buffer = Buffer.alloc(0);
  #cut = false;

  constructor(limitBytes: number) {
    this.#limit = limitBytes;
  }

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.#bytes, chunk]);
    this.#cut ||= all.length > this.#limit;
    // Copied, so that a large chunk is not kept alive by its end.
    this.#bytes = Buffer.from(all.subarray(-this.#limit));
  }

  toString(): string {
    if (!this.#cut) return this.#bytes.toString();
    const lineStart = this.#bytes.indexOf("\n") + 1;
    return this.#bytes.subarray(lineStart < this.#bytes.length ? lineStart : 0).toString();
  }
}
