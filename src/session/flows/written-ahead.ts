/**
 * The writer's end of a `WritableStream`: a stream whose chunks go to the other end one after the other, some of them before
 * those in front have been written there. A write is over once its chunk has been sent and there is room for one more; that
 * it has failed, the writes after it are told, and the close. It is how streams of the web behave that are transferred.
 */
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import { MAX_WRITES_AHEAD } from "./limits.ts";

/** What is called at the other end, as a callback is. */
export interface RemoteSink {
  /** How many bytes may be on their way, beside one chunk of any size. */
  readonly windowBytes: number;
  /** @param sent Told how long it is, if it can be sent. */
  call(parameters: readonly unknown[], sent?: (sizeBytes: number) => void): Promise<unknown>;
}

/** The stream of a sink that is elsewhere. */
export function writableOf(sink: RemoteSink): WritableStream<unknown> {
  return new WritableStream<unknown>(new WrittenAhead(sink));
}

/** Its sink here. */
class WrittenAhead {
  readonly #sink: RemoteSink;
  /** Chunks on their way that have not been written there. */
  #chunks = 0;
  #bytes = 0;
  /** Somebody waits until there is room for one more. */
  #room: Deferred<void> | undefined;
  #failure: { readonly reason: unknown } | undefined;

  constructor(sink: RemoteSink) {
    this.#sink = sink;
  }

  write(chunk: unknown, controller: WritableStreamDefaultController): Promise<void> | undefined {
    let sizeBytes: number | undefined;
    const written = this.#sink.call(["write", chunk], (size) => {
      sizeBytes = size;
    });
    if (sizeBytes === undefined) return written.then(nothing); // it cannot be sent, or nothing can
    const bytes = sizeBytes;
    this.#chunks += 1;
    this.#bytes += bytes;
    written.then(
      () => this.#written(bytes),
      (error: unknown) => this.#failed(error, controller),
    );
    if (this.#hasRoom) return undefined;
    this.#room = createDeferred<void>();
    return this.#room.promise;
  }

  async close(): Promise<void> {
    try {
      await this.#sink.call(["close"]);
    } catch (error) {
      throw this.#failure === undefined ? error : this.#failure.reason;
    }
  }

  async abort(reason: unknown): Promise<void> {
    await this.#sink.call(["abort", reason]);
  }

  get #hasRoom(): boolean {
    return this.#chunks < MAX_WRITES_AHEAD && this.#bytes < this.#sink.windowBytes;
  }

  #written(bytes: number): void {
    this.#chunks -= 1;
    this.#bytes -= bytes;
    if (!this.#hasRoom) return;
    this.#room?.resolve();
    this.#room = undefined;
  }

  #failed(reason: unknown, controller: WritableStreamDefaultController): void {
    this.#failure ??= { reason };
    this.#room?.reject(this.#failure.reason);
    this.#room = undefined;
    controller.error(this.#failure.reason); // does nothing once it has ended
  }
}

function nothing(): void {}
