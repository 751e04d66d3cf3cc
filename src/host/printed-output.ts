/**
 * What bodies print in a worker whose parent passes it on: how much, and whether the parent has been given all of it. The
 * carriers of callers on this host send no answer before (`transport/output/behind-output.ts`). As long as nothing is
 * printed, this costs nothing.
 *
 * What is written past `process.stdout` and `process.stderr`, by `fs.writeSync` or by processes that a body starts, is
 * not counted.
 */
import { Socket } from "node:net";
import { Writable } from "node:stream";
import { isMainThread } from "node:worker_threads";
import { deadlines } from "../internal/time/deadline-queue.ts";
import type { Printed } from "../transport/output/printed.ts";

/** How long answers wait for output that the parent does not read. */
const WRITE_MS = 1_000;

/** How much a thread prints before it waits for its parent to read it: as much as a pipe takes. */
const THREAD_WINDOW = 64 * 1024;

/** An output of this process, or of this thread. */
interface PrintedStream {
  readonly stream: Writable;
  /** How much has been written to it, whether or not that has left. */
  readonly written: number;
}

/** The streams of this process or thread, as soon as somebody has used them. */
export class PrintedOutput implements Printed {
  used = false;
  readonly #streams: PrintedStream[] = [];

  /** Follows both streams from their first use on. To be made once, before any module of the user is imported. */
  constructor() {
    for (const name of ["stdout", "stderr"] as const) this.#follow(name);
  }

  get bytes(): number {
    let sum = 0;
    for (const { written } of this.#streams) sum += written;
    return sum;
  }

  get isWritten(): boolean {
    return this.#streams.every(({ stream }) => stream.writableLength === 0);
  }

  whenWritten(written: () => void): void {
    let left = 1;
    const one = (): void => {
      left -= 1;
      if (left !== 0) return;
      deadlines.cancel(limit);
      written();
    };
    // Whoever reads the other end may not go on; the answers do.
    const limit = deadlines.after(WRITE_MS, () => {
      left = 0;
      written();
    });
    for (const { stream } of this.#streams) {
      left += 1;
      stream.write("", one);
    }
    one();
  }

  #follow(name: "stdout" | "stderr"): void {
    const property = Object.getOwnPropertyDescriptor(process, name);
    const make = property?.get;
    if (make === undefined) return; // somebody has put another stream there
    let followed = false;
    Object.defineProperty(process, name, {
      ...property,
      get: (): unknown => {
        const stream: unknown = make.call(process);
        if (!followed) {
          const printed = stream instanceof Socket ? ofSocket(stream) : ofThread(stream);
          if (printed !== undefined) {
            followed = true;
            this.#streams.push(printed);
            this.used = true;
          }
        }
        return stream;
      },
    });
  }
}

function ofSocket(stream: Socket): PrintedStream {
  return {
    stream,
    get written() {
      return stream.bytesWritten;
    },
  };
}

/**
 * The output of a thread: each write is a message to the parent, which confirms it once it has read it. Node has every
 * write wait for the confirmation of the one before, so that what was printed would be behind the answer that follows,
 * and lost with a thread that is terminated. Here they wait only while much is on its way.
 */
function ofThread(stream: unknown): PrintedStream | undefined {
  if (isMainThread || !(stream instanceof Writable) || stream._writev === undefined) return undefined;
  const send = stream._writev;
  /** Characters and bytes that have been sent, of those not confirmed, and of those that the stream counts as well. */
  let sent = 0;
  let unconfirmed = 0;
  let waiting = 0;
  let goOn: (() => void) | undefined;
  stream._writev = (chunks, taken) => {
    let length = 0;
    for (const { chunk } of chunks) length += (chunk as Buffer | string).length;
    sent += length;
    unconfirmed += length;
    send.call(stream, chunks, () => {
      unconfirmed -= length;
      if (unconfirmed < THREAD_WINDOW) goOn?.();
    });
    if (unconfirmed < THREAD_WINDOW) return taken();
    waiting = length;
    goOn = () => {
      goOn = undefined;
      waiting = 0;
      taken();
    };
  };
  // However the thread ends, unless it is terminated: a body may call `process.exit()`.
  process.once("exit", () => send.call(stream, unsentOf(stream), () => {}));
  return {
    stream,
    get written() {
      return sent - waiting + stream.writableLength;
    },
  };
}

/** What waits in a stream for being sent. */
function unsentOf(stream: Writable): { readonly chunk: unknown; readonly encoding: BufferEncoding }[] {
  // Node's own, on all versions, and not in its types.
  const state = (stream as { readonly _writableState?: { getBuffer?(): unknown } })._writableState;
  return (state?.getBuffer?.() ?? []) as ReturnType<typeof unsentOf>;
}
