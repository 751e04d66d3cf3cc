/**
 * One call of a gRPC method as its server sees it: whole messages in both directions, and exactly one end. Until its
 * first message has come, a call is a stream of HTTP/2 and a few fields: nobody else is told of it. It knows no
 * compression, and takes no message beyond the limit of its method.
 */
import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from "node:http2";
import type { Peer } from "../../credentials/peers/peer.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { releaseMemory } from "../../internal/release-memory.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { MemoryBudget } from "../../session/memory/memory-budget.ts";
import type { ConnectionMemory, MemoryHolder } from "../../session/memory/peer-memory.ts";
import { GrpcMessageReader } from "../grpc/message-reader.ts";
import { writeGrpcMessage } from "../grpc/message-writer.ts";
import { NOT_STARTED_TRAILER } from "../grpc/service.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";

/** Who is at the other end of a call. */
export interface GrpcPeer extends Peer {
  /** Its address and port, for messages. */
  readonly description: string;
}

/** How a call ends. */
export interface CallStatus {
  readonly code: GrpcStatus;
  /** For people. */
  readonly details: string;
  /** Trailers beside the status. */
  readonly metadata?: Readonly<Record<string, string>>;
}

/** What a call tells the method that serves it. */
export interface ServerCallEvents {
  /** One whole message; its memory is not used again. */
  message(bytes: Uint8Array, start: number, end: number): void;
  /** `send` had returned false; now there is room again. */
  drain(): void;
  /** The caller sends nothing more. */
  halfClosed(): void;
  /** The call is over: it was ended, or its caller has gone. Called exactly once; nothing follows. */
  closed(): void;
}

/** One method of a server. */
export interface ServerMethod {
  /** The longest message that it takes, in bytes. */
  readonly maxMessageBytes: number;
  /** Serves a call; called at its first message. A call without one is refused. */
  open(call: ServerCall): ServerCallEvents;
}

/** What a connection learns of its calls. */
export interface CallOwner {
  /** What callers of the network make this thread hold. */
  readonly memory: MemoryBudget;
  /** The caller has sent its first message. */
  greeted(): void;
  /**
   * A call is to be read no more for a while, and what its window lets the caller send stays where nobody counts it.
   *
   * @returns False if there are too many of these already: the call has to end.
   */
  pausing(): boolean;
  /** It is read again, or over. */
  resumed(): void;
  /** Called exactly once. `wasted`: it had no message, or its caller has taken it back before it was answered at all. */
  closed(wasted: boolean): void;
}

const HEADERS = {
  ":status": 200,
  "content-type": "application/grpc",
  "grpc-accept-encoding": "identity",
} as const;

/** How long a caller that has been answered may take to end its side. */
const LINGER_MS = 1_000;

const UNITS_MS: Readonly<Record<string, number>> = {
  H: 3_600_000,
  M: 60_000,
  S: 1_000,
  m: 1,
  u: 1e-3,
  n: 1e-6,
};

/** One call. */
export class ServerCall implements MemoryHolder {
  readonly peer: GrpcPeer;
  readonly #stream: ServerHttp2Stream;
  readonly #method: ServerMethod;
  readonly #owner: CallOwner;
  readonly #reader: GrpcMessageReader;
  #events: ServerCallEvents | undefined;
  /** Its status has been given, or its caller has gone. */
  #ended = false;
  /** Its end has been told. */
  #over = false;
  #trailers: Record<string, string> = {};
  /** The method takes no more. */
  #paused = false;
  /** The budget of memory has the caller wait. */
  #held = false;
  /** The stream is not read, for one of these reasons. */
  #unread = false;
  #memory: ConnectionMemory | undefined;
  /** Bytes of an unfinished message that its account has. */
  #countedBytes = 0;
  #deadline: DeadlineEntry | undefined;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    options: { readonly peer: GrpcPeer; readonly method: ServerMethod; readonly owner: CallOwner },
  ) {
    const { peer, method, owner } = options;
    this.peer = peer;
    this.#stream = stream;
    this.#method = method;
    this.#owner = owner;
    this.#reader = new GrpcMessageReader(
      method.maxMessageBytes,
      (bytes, start, end) => {
        if (this.#ended) return;
        this.#events ??= this.#open();
        this.#events.message(bytes, start, end);
      },
      { isShort: () => owner.memory.full, release: releaseMemory },
    );
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("drain", () => this.#events?.drain());
    stream.on("end", () => this.#halfClosed());
    stream.on("wantTrailers", () => this.#sendTrailers());
    // Whatever it is, the stream closes, and that is told.
    stream.on("error", () => {});
    // A stream that its caller has reset may close only when what was sent before has left.
    stream.on("aborted", () => this.#closed());
    stream.on("close", () => this.#closed());
    const timeoutMs = timeoutOf(headers["grpc-timeout"]);
    if (timeoutMs !== undefined) {
      this.#deadline = deadlines.after(timeoutMs, () =>
        this.end({ code: GrpcStatus.DEADLINE_EXCEEDED, details: "The caller's deadline has passed" }),
      );
    }
  }

  /**
   * Sends one message. Its memory must not change until it has left.
   *
   * @returns False when the method should wait for `drain`.
   */
  send(bytes: Uint8Array): boolean {
    const stream = this.#stream;
    if (this.#ended || !stream.writable) return true; // its end is on the way
    if (!stream.headersSent) stream.respond(HEADERS, { waitForTrailers: true });
    return writeGrpcMessage(stream, bytes);
  }

  /** Reads nothing more, until {@link resume}. What has arrived by then may still be told. */
  pause(): void {
    this.#paused = true;
    this.#pace();
  }

  resume(): void {
    this.#paused = false;
    this.#pace();
  }

  holdInput(held: boolean): void {
    this.#held = held;
    this.#pace();
  }

  overdue(problem: string): void {
    this.end({ code: GrpcStatus.RESOURCE_EXHAUSTED, details: problem });
  }

  /** Counts what waits for the thread that serves the call, where that takes no more. */
  setBacklog(bytes: number): void {
    if (bytes > 0) this.#memory ??= this.#openMemory();
    this.#memory?.setBacklog(bytes);
    this.#memory?.check();
  }

  /** Ends the call, with status OK unless another is given, once what was sent has left. Later calls do nothing. */
  end(status: CallStatus = { code: GrpcStatus.OK, details: "" }): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#trailers = trailersOf(status);
    setImmediate(() => this.#sendStatus());
  }

  /** Reads the stream, or does not. */
  #pace(): void {
    const unread = (this.#paused || this.#held) && !this.#ended;
    if (unread === this.#unread) return;
    if (unread && !this.#owner.pausing()) {
      const details = "Too many calls of this connection wait to be read; make fewer large ones at a time";
      this.end({ code: GrpcStatus.RESOURCE_EXHAUSTED, details });
      return;
    }
    this.#unread = unread;
    if (unread) {
      this.#stream.pause();
    } else {
      this.#owner.resumed();
      this.#stream.resume();
    }
  }

  /** Not in the turn in which something was read: see {@link refuseStream}. */
  #sendStatus(): void {
    const stream = this.#stream;
    // What the caller still sends is let go, so that it takes no room of the connection.
    this.#pace();
    stream.resume();
    if (stream.destroyed || stream.closed) return;
    if (stream.headersSent) {
      stream.end();
      return;
    }
    stream.respond({ ...HEADERS, ...this.#trailers }, { endStream: true });
    silence(stream);
  }

  #sendTrailers(): void {
    const stream = this.#stream;
    if (stream.destroyed || stream.closed) return;
    stream.sendTrailers(this.#trailers);
    silence(stream);
  }

  #read(chunk: Buffer): void {
    if (this.#ended) return;
    try {
      this.#reader.read(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      const code = this.#reader.tooLong ? GrpcStatus.RESOURCE_EXHAUSTED : GrpcStatus.UNIMPLEMENTED;
      this.end({ code, details: error.message });
    }
    if (this.#countedBytes !== this.#reader.heldBytes) this.#countUnfinished();
  }

  /** What is there of a message whose end has not come is held for its caller. */
  #countUnfinished(): void {
    if (this.#over) return;
    this.#memory ??= this.#openMemory();
    this.#memory?.drop(this.#countedBytes);
    this.#countedBytes = this.#reader.heldBytes;
    this.#memory?.add(this.#countedBytes);
    this.#memory?.check();
  }

  #openMemory(): ConnectionMemory | undefined {
    return this.peer.local ? undefined : this.#owner.memory.open(this.peer.description, this);
  }

  #halfClosed(): void {
    // A stream that was reset or cut off ends as well, but its caller has not said that it is complete.
    if (this.#ended || this.#stream.aborted) return;
    if (!this.#reader.complete) {
      this.end({ code: GrpcStatus.INVALID_ARGUMENT, details: "The last message is cut off" });
    } else if (this.#events === undefined) {
      const details = "The call ended before its first message";
      this.end({ code: GrpcStatus.FAILED_PRECONDITION, details, metadata: { [NOT_STARTED_TRAILER]: "1" } });
    } else {
      this.#events.halfClosed();
    }
  }

  #open(): ServerCallEvents {
    this.#owner.greeted();
    return this.#method.open(this);
  }

  #closed(): void {
    if (this.#over) return;
    this.#over = true;
    this.#ended = true;
    if (this.#unread) this.#owner.resumed();
    this.#unread = false;
    if (this.#deadline !== undefined) deadlines.cancel(this.#deadline);
    this.#memory?.close();
    const events = this.#events;
    this.#owner.closed(
      events === undefined ||
        (!this.#stream.headersSent &&
          this.#stream.aborted &&
          this.#stream.rstCode !== constants.NGHTTP2_NO_ERROR),
    );
    this.#events = undefined;
    events?.closed();
  }
}

/**
 * Refuses a stream that is no call of a known method. It does so in a turn of its own: Node tells of streams while
 * nghttp2 is reading, and what is sent then can end the very stream that nghttp2 is about to end, which aborts the process.
 */
export function refuseStream(stream: ServerHttp2Stream, headers: Record<string, string | number>): void {
  stream.on("error", () => {});
  stream.resume();
  setImmediate(() => {
    if (stream.destroyed || stream.closed) return;
    stream.respond(headers, { endStream: true });
    silence(stream);
  });
}

/** As {@link refuseStream}, without a word: there are too many. */
export function rejectStream(stream: ServerHttp2Stream): void {
  stream.on("error", () => {});
  setImmediate(() => stream.close(constants.NGHTTP2_REFUSED_STREAM));
}

/**
 * Resets a stream that has been answered in full if its caller goes on sending. A reset overtakes what has not left, so
 * the caller gets the time to read the answer and to end the stream itself.
 */
function silence(stream: ServerHttp2Stream): void {
  if (stream.readableEnded) return;
  const deadline = deadlines.after(LINGER_MS, () => stream.close(constants.NGHTTP2_NO_ERROR));
  stream.once("close", () => deadlines.cancel(deadline));
}

/** The headers of an answer that is a status alone. */
export function statusHeaders(status: CallStatus): Record<string, string | number> {
  return { ...HEADERS, ...trailersOf(status) };
}

function trailersOf({ code, details, metadata }: CallStatus): Record<string, string> {
  return {
    ...metadata,
    "grpc-status": String(code),
    ...(details === "" ? undefined : { "grpc-message": encodeDetails(details) }),
  };
}

/** Percent-encoded UTF-8, as gRPC wants it; the visible characters of ASCII stay readable. */
function encodeDetails(text: string): string {
  return text.toWellFormed().replace(/[^ -$&-~]+/g, encodeURIComponent);
}

/** The milliseconds that the caller waits, if it says so in a form that gRPC knows. */
function timeoutOf(value: string | string[] | undefined): number | undefined {
  const [, digits, unit] = /^(\d{1,8})([HMSmun])$/.exec(typeof value === "string" ? value : "") ?? [];
  if (digits === undefined || unit === undefined) return undefined;
  return Number(digits) * (UNITS_MS[unit] ?? 1);
}
