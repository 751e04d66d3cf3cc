/**
 * One call of a gRPC method as its client sees it: whole messages in both directions, and exactly one end.
 * It owns the stream and nothing of the connection beneath.
 */
import type { ClientHttp2Stream, IncomingHttpHeaders, IncomingHttpStatusHeader } from "node:http2";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { Fifo } from "../../internal/fifo.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import type { GrpcEnd } from "./error-from-status.ts";
import { GrpcMessageReader } from "./message-reader.ts";
import { writeGrpcMessage } from "./message-writer.ts";
import { GrpcStatus, toGrpcStatus } from "./status-codes.ts";

/** What a call tells its owner. */
export interface GrpcCallEvents {
  /** One whole message; its memory is not used again. */
  message(bytes: Uint8Array, start: number, end: number): void;
  /** `send` had returned false; now there is room again. */
  drain(): void;
  /** The call is over. Called exactly once, and never from inside `send`, `halfClose` or `cancel`. */
  ended(end: GrpcEnd): void;
}

/** How the connection beneath a call is doing. */
export interface GrpcCallConnection {
  /** Whether it has ended. */
  readonly ended: boolean;
  /** Why, if it was not in good order. */
  readonly error: Error | undefined;
}

/** HTTP/2's codes for resetting a stream. */
const NO_ERROR = 0;
const CANCEL = 8;
const MAX_DETAILS = 1_000;

/** One call. */
export class GrpcCall {
  readonly #stream: ClientHttp2Stream;
  readonly #connection: GrpcCallConnection;
  readonly #events: GrpcCallEvents;
  readonly #reader: GrpcMessageReader;
  #headers: (IncomingHttpHeaders & IncomingHttpStatusHeader) | undefined;
  #trailers: IncomingHttpHeaders | undefined;
  /** Why this side ended it. */
  #verdict: GrpcEnd | undefined;
  /** Messages that were handed to the stream, and that have left it. */
  #sent = 0;
  #left = 0;
  /** Who wants to know when as many have left. */
  readonly #unwritten = new Fifo<{ readonly messages: number; readonly done: () => void }>();
  readonly #written = () => {
    this.#left += 1;
    this.#tellWritten();
  };

  constructor(
    stream: ClientHttp2Stream,
    options: {
      readonly connection: GrpcCallConnection;
      readonly maxMessageBytes: number;
      readonly events: GrpcCallEvents;
    },
  ) {
    this.#stream = stream;
    this.#connection = options.connection;
    this.#events = options.events;
    this.#reader = new GrpcMessageReader(options.maxMessageBytes, (bytes, start, end) => {
      if (this.#verdict === undefined) this.#events.message(bytes, start, end);
    });
    stream.on("response", (headers) => {
      this.#headers = headers;
    });
    stream.on("trailers", (trailers) => {
      this.#trailers = trailers;
    });
    stream.on("data", (chunk: Buffer) => this.#read(chunk));
    stream.on("drain", () => this.#events.drain());
    // The status has come, or never will: the server reads nothing more. Where this side has sent all, the stream
    // ends by itself; a reset for every call would be more than servers tolerate.
    stream.on("end", () => {
      if (!stream.writableEnded) stream.close(NO_ERROR);
    });
    // The stream's code and the connection show what went wrong.
    stream.on("error", () => {});
    stream.on("close", () => {
      this.#events.ended(this.#end());
      this.#left = this.#sent;
      this.#tellWritten();
    });
  }

  /**
   * Sends one message made of the pieces in their order. They must not change until they have left.
   *
   * @returns False when the caller should wait for `drain`.
   */
  send(first: Uint8Array, second?: Uint8Array): boolean {
    const stream = this.#stream;
    if (!stream.writable) return true; // its end is on the way; the owner is told there
    this.#sent += 1;
    return writeGrpcMessage(stream, first, second, this.#written);
  }

  /** Has a function called once all that was sent has left, or never will. */
  whenWritten(done: () => void): void {
    // Not by an empty write behind the rest: HTTP/2 reports a group of writes as written once its last one is empty.
    if (this.#left >= this.#sent) done();
    else this.#unwritten.push({ messages: this.#sent, done });
  }

  /** Reads nothing more, or goes on; HTTP/2's own flow control then stops the peer. */
  holdInput(held: boolean): void {
    if (held) this.#stream.pause();
    else this.#stream.resume();
  }

  /** Says that nothing more will be sent. What was sent leaves first. */
  halfClose(): void {
    if (this.#stream.writable) this.#stream.end();
  }

  /** Ends the call at once. */
  cancel(error?: Error): void {
    this.#give({ kind: "cancelled", error });
  }

  #tellWritten(): void {
    for (let next = this.#unwritten.peek(); next !== undefined; next = this.#unwritten.peek()) {
      if (next.messages > this.#left) return;
      this.#unwritten.shift();
      next.done();
    }
  }

  #give(verdict: GrpcEnd): void {
    this.#verdict ??= verdict;
    this.#stream.close(CANCEL);
  }

  #read(chunk: Buffer): void {
    if (this.#verdict !== undefined || this.#foreignAnswer() !== undefined) return;
    try {
      this.#reader.read(chunk);
    } catch (error) {
      if (!(error instanceof ProtocolError)) throw error;
      this.#give({ kind: "malformed", error });
    }
  }

  #end(): GrpcEnd {
    if (this.#verdict !== undefined) return this.#verdict;
    const foreign = this.#foreignAnswer();
    if (foreign !== undefined) return { kind: "foreign", details: foreign };
    const last = this.#trailers ?? this.#headers;
    const status = last?.["grpc-status"];
    if (status !== undefined) {
      const code = toGrpcStatus(Number(status));
      if (code === GrpcStatus.OK && !this.#reader.complete) {
        return { kind: "malformed", error: new ProtocolError("Cannot read a gRPC message: it is cut off") };
      }
      return { kind: "status", code, details: decodeDetails(last?.["grpc-message"]) };
    }
    if (this.#connection.ended) return { kind: "connection", cause: this.#connection.error };
    const { rstCode } = this.#stream;
    if (rstCode !== NO_ERROR) return { kind: "reset", rstCode };
    return { kind: "foreign", details: "it ended the call without a status" };
  }

  /** If the answer's headers are not those of gRPC: what is wrong with them. */
  #foreignAnswer(): string | undefined {
    if (this.#headers === undefined) return undefined;
    const { ":status": httpStatus, "content-type": type } = this.#headers;
    if (httpStatus !== 200) return `it answers with HTTP status ${httpStatus}, not with gRPC`;
    if (type === undefined || !type.startsWith("application/grpc"))
      return "it answers with HTTP, not with gRPC";
    return undefined;
  }
}

/** Decodes percent-encoded UTF-8, for people; text that is not properly encoded is shown as it is. */
function decodeDetails(value: string | string[] | undefined): string {
  const text = Array.isArray(value) ? value.join(", ") : (value ?? "");
  try {
    return shownBriefly(decodeURIComponent(text), MAX_DETAILS);
  } catch {
    return shownBriefly(text, MAX_DETAILS);
  }
}
