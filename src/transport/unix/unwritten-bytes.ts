/**
 * What has been written to a socket and the system has not taken yet: kept so that it can still be written at the
 * end of the process, when the event loop no longer does it. Only a socket whose peer reads too slowly has any.
 */
import { writeSync } from "node:fs";
import type { Socket } from "node:net";
import { Fifo } from "../../internal/fifo.ts";
import { hasCode } from "../../internal/has-code.ts";

/** How long the thread sleeps before it tries a full socket again. */
const RETRY_MS = 1;

/** The part of a socket's handle that has no public name. */
interface SocketHandle {
  readonly fd: number;
  /** Bytes that were handed to the handle, and how many of these it still has. */
  readonly bytesWritten: number;
  readonly writeQueueSize: number;
}

const NOTHING = new Uint8Array(0);

/** The bytes of one socket that may not have left. */
export class UnwrittenBytes {
  readonly #socket: Socket;
  /** The latest writes, at least all that have not left. */
  readonly #writes = new Fifo<Uint8Array>();
  #bytes = 0;
  /** Written by this object, which the socket does not know. */
  #ownBytes = 0;

  readonly #passed = (): void => {
    for (let first = this.#writes.peek(); first !== undefined; first = this.#writes.peek()) {
      if (this.#bytes - first.length < this.#socket.writableLength) break;
      this.#writes.shift();
      this.#bytes -= first.length;
    }
    if (this.#writes.size > 0 && this.#socket.writable) this.#socket.write(NOTHING, this.#passed);
  };

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** The socket has been given these and still has some of what it was given. They must not change until it has none. */
  add(...writes: readonly Uint8Array[]): void {
    const watched = this.#writes.size > 0;
    for (const bytes of writes) {
      this.#writes.push(bytes);
      this.#bytes += bytes.length;
    }
    // Called once everything before it has left, so that what has left is not kept in memory.
    if (!watched) this.#socket.write(NOTHING, this.#passed);
  }

  /**
   * Writes all that has not left, holding the thread. The process must end after that: the socket may still have what
   * has been written here.
   *
   * @param untilMs When to give up, as `performance.now()` counts.
   * @returns Whether everything has left.
   */
  write(untilMs: number): boolean {
    const handle = (this.#socket as Socket & { readonly _handle?: SocketHandle | null })._handle;
    if (this.#writes.size === 0 || handle === undefined || handle === null) return true;
    const queuedBytes = this.#socket.bytesWritten - handle.bytesWritten;
    const leftBytes = queuedBytes + handle.writeQueueSize - this.#ownBytes;
    const bytes = Buffer.concat(this.#writes.drain());
    this.#bytes = 0;
    this.#ownBytes += leftBytes;
    return writeAll(handle.fd, bytes.subarray(bytes.length - leftBytes), untilMs);
  }
}

/** Writes to a descriptor that does not block, and sleeps while it is full. */
function writeAll(fd: number, bytes: Uint8Array, untilMs: number): boolean {
  const asleep = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += writeSync(fd, bytes, offset);
    } catch (error) {
      if (!hasCode(error, "EAGAIN") || performance.now() >= untilMs) return false; // the peer has gone, or does not read
      Atomics.wait(asleep, 0, 0, RETRY_MS);
    }
  }
  return true;
}
