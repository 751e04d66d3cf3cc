/**
 * The end of a `WritableStream` that has the stream: a callback with one parameter for what is to be done, `write`, `close`
 * or `abort`, and one for what with. When the call ends well, a stream that is left open is closed; otherwise it is aborted.
 */
import type { CallerContext, FlowLink, OwnFlow } from "./flow-link.ts";
import { OwnCallback } from "./own-callback.ts";

/** A stream that is written to from the other end. */
export class OwnWritable implements OwnFlow {
  readonly #stream: WritableStream;
  readonly #callback: OwnCallback;
  #writer: WritableStreamDefaultWriter | undefined;
  #isClosed = false;

  constructor(index: number, stream: WritableStream, link: FlowLink) {
    this.#stream = stream;
    this.#callback = new OwnCallback(index, (act, value) => this.#act(act, value), link);
  }

  get isOpen(): boolean {
    return this.#callback.isOpen;
  }

  pull(): string {
    return this.#callback.pull();
  }

  stop(): boolean {
    return this.#callback.stop();
  }

  call(number: number, parameters: readonly unknown[], context: CallerContext): string | undefined {
    return this.#callback.call(number, parameters, context);
  }

  end(failure: { readonly reason: unknown } | undefined): void {
    this.#callback.end();
    if (this.#isClosed) return;
    this.#isClosed = true;
    try {
      const writer = this.#open();
      const closing = failure === undefined ? writer.close() : writer.abort(failure.reason);
      closing.catch(() => {}); // nobody is there to hear
    } catch {
      // somebody else writes to it, who may close it
    }
  }

  #act(act: unknown, value: unknown): Promise<void> {
    const writer = this.#open();
    if (act === "write") return writer.write(value);
    this.#isClosed = true;
    return act === "close" ? writer.close() : writer.abort(value);
  }

  /** @throws TypeError if somebody else writes to it. */
  #open(): WritableStreamDefaultWriter {
    if (this.#writer === undefined) {
      this.#writer = this.#stream.getWriter();
      this.#writer.closed.catch(() => {}); // whoever writes is told
    }
    return this.#writer;
  }
}
