/**
 * One connection to a gRPC server: an HTTP/2 session on a socket, whose streams become calls of methods. It is probed
 * while it is silent, and ended when it has no call for long or breaks the rules of HTTP/2.
 */
import {
  constants,
  type IncomingHttpHeaders,
  performServerHandshake,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { Socket } from "node:net";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import type { MemoryBudget } from "../../session/memory/memory-budget.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import type { ConnectionPermit } from "./connection-guard.ts";
import { endBetweenReads } from "./end-between-reads.ts";
import {
  type CallStatus,
  type GrpcPeer,
  refuseStream,
  rejectStream,
  ServerCall,
  type ServerMethod,
  statusHeaders,
} from "./server-call.ts";
import type { StreamGuard } from "./stream-guard.ts";

/** What all connections of a server have in common. */
export interface ServerConnectionOptions {
  /** The methods by their paths. */
  readonly methods: ReadonlyMap<string, ServerMethod>;
  readonly streams: StreamGuard;
  /** What callers of the network may make this thread hold. */
  readonly memory: MemoryBudget;
  /** The largest number of calls at a time on one connection. */
  readonly maxStreams: number;
  /** Bytes that a peer may have under way to this side, over all streams of a connection; of so many that are open. */
  readonly windowBytes: (connections: number) => number;
  /** How many calls of a connection may be left unread at a time, if there are so many connections. */
  readonly unreadCalls: (connections: number) => number;
  /** Silence after which the peer is probed, in milliseconds. */
  readonly keepaliveTimeMs: number;
  /** How long a probe may stay unanswered, in milliseconds. */
  readonly keepaliveTimeoutMs: number;
  /** How long a new connection may be without its first call, in milliseconds. */
  readonly greetingMs: number;
  /** How long one that has had calls may be without, in milliseconds. */
  readonly idleMs: number;
}

/** The largest header block taken; gRPC's own headers are a few hundred bytes. */
const MAX_HEADER_BYTES = 8 * 1024;
const MAX_HEADER_PAIRS = 64;
/** What Node may hold for one session beside what its windows allow, in MB. */
const MAX_SESSION_MEMORY_MB = 64;

/** One connection. */
export class ServerConnection {
  readonly #session: ServerHttp2Session;
  readonly #closeSession: () => void;
  readonly #socket: Socket;
  readonly #peer: GrpcPeer;
  readonly #permit: ConnectionPermit;
  readonly #options: ServerConnectionOptions;
  readonly #refusal: CallStatus | undefined;
  #calls = 0;
  readonly #mostUnread: number;
  #unread = 0;
  /** When it ends for want of calls. */
  #idle: DeadlineEntry | undefined;
  /** The next probe, or the end of the wait for the answer to one. */
  #probe: DeadlineEntry | undefined;
  #ended = false;
  /** It is about to be ended for what its caller does. */
  #ending = false;
  /** Its caller has said goodbye. */
  #leaving = false;

  /** @param onClosed Called exactly once, when the connection has ended. */
  constructor(
    socket: Socket,
    options: ServerConnectionOptions,
    inside: {
      readonly peer: GrpcPeer;
      readonly permit: ConnectionPermit;
      /** Connections that are open, this one included. */
      readonly connections: number;
      /** What every call is answered with. Absent: calls are served. */
      readonly refusal?: CallStatus | undefined;
      readonly onClosed: () => void;
    },
  ) {
    this.#socket = socket;
    this.#options = options;
    this.#peer = inside.peer;
    this.#permit = inside.permit;
    this.#refusal = inside.refusal;
    socket.setNoDelay(true);
    // It shows in the end of the session.
    socket.on("error", () => {});
    const windowBytes = options.windowBytes(inside.connections);
    this.#mostUnread = options.unreadCalls(inside.connections);
    const session = performServerHandshake(socket, {
      maxSessionMemory: MAX_SESSION_MEMORY_MB,
      maxHeaderListPairs: MAX_HEADER_PAIRS,
      settings: {
        initialWindowSize: windowBytes,
        maxConcurrentStreams: options.maxStreams,
        maxHeaderListSize: MAX_HEADER_BYTES,
      },
    });
    this.#session = session;
    this.#closeSession = endBetweenReads(session, () => this.#endOnceIdle());
    session.setLocalWindowSize(windowBytes);
    session.on("stream", (stream, headers) => this.#serve(stream, headers));
    session.on("error", () => {});
    session.once("close", () => this.#close(inside.onClosed));
    // A session that was destroyed while it wrote may never say that it has closed.
    socket.once("close", () => setImmediate(() => this.#close(inside.onClosed)));
    this.#awaitCalls(options.greetingMs);
    this.#scheduleProbe();
  }

  /** Takes no more calls, says so, and ends once those under way have. Idempotent. */
  close(): void {
    if (!this.#session.closed) this.#closeSession();
  }

  /** Ends at once, and every call on it. Idempotent. */
  destroy(): void {
    this.#session.destroy();
    this.#socket.destroy();
  }

  #serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    const { methods, streams } = this.#options;
    const session = this.#session;
    if (this.#ending) return void stream.on("error", () => {}); // it ends with the session
    if (this.#refusal !== undefined) {
      refuseStream(stream, statusHeaders(this.#refusal));
      if (!this.#permit.wasted()) this.#endSoon();
      return;
    }
    const method = methods.get(headers[":path"] ?? "");
    const foreign = foreignHeaders(headers);
    if (foreign !== undefined) return refuseStream(stream, foreign);
    if (method === undefined) {
      const details = `This worker has no method '${headers[":path"]?.slice(0, 200)}'`;
      return refuseStream(stream, statusHeaders({ code: GrpcStatus.UNIMPLEMENTED, details }));
    }
    let call: ServerCall | undefined;
    const permit = streams.admit((status) => call?.end(status));
    if (permit === undefined) return rejectStream(stream);
    this.#calls += 1;
    if (this.#idle !== undefined) deadlines.cancel(this.#idle);
    call = new ServerCall(stream, headers, {
      peer: this.#peer,
      method,
      owner: {
        memory: this.#options.memory,
        greeted: permit.greeted,
        pausing: () => {
          if (this.#unread >= this.#mostUnread) return false;
          this.#unread += 1;
          return true;
        },
        resumed: () => {
          this.#unread -= 1;
        },
        closed: (wasted) => {
          permit.closed();
          this.#calls -= 1;
          if (this.#calls === 0) this.#awaitCalls(this.#options.idleMs);
          if (this.#leaving) this.#endOnceIdle();
          if (wasted && !session.destroyed && !this.#permit.wasted()) this.#endSoon();
        },
      },
    });
  }

  /** Not at once: a session of Node's that is destroyed while it reads can abort the process. */
  #endSoon(): void {
    if (this.#ending) return;
    this.#ending = true;
    // Null: of an error that is left out Node makes NO_ERROR, whatever the code beside it.
    const none = null as unknown as undefined;
    setImmediate(() => this.#session.destroy(none, constants.NGHTTP2_ENHANCE_YOUR_CALM));
  }

  /** The caller begins no more calls: ends the connection as soon as there are none. */
  #endOnceIdle(): void {
    this.#leaving = true;
    setImmediate(() => {
      if (this.#calls === 0 && !this.#session.destroyed) this.#session.destroy();
    });
  }

  /** A connection that nobody uses keeps no place from others; whoever wants it again connects again. */
  #awaitCalls(ms: number): void {
    if (this.#ended || this.#peer.local) return;
    this.#idle = deadlines.after(ms, () => {
      this.close();
      // What is left then is a peer that does not read.
      this.#idle = deadlines.after(ms, () => this.destroy());
    });
  }

  #scheduleProbe(): void {
    if (this.#peer.local || this.#ended) return;
    const { keepaliveTimeMs, keepaliveTimeoutMs } = this.#options;
    this.#probe = deadlines.after(keepaliveTimeMs, () => {
      if (this.#ended) return;
      this.#probe = deadlines.after(keepaliveTimeoutMs, () => this.destroy());
      // It has been closed, and waits for the other side to close as well: no longer than for an answer.
      if (this.#session.destroyed) return;
      // Refused while the connection is closing; then its end comes anyway, or the deadline.
      this.#session.ping((error) => {
        if (error !== null) return;
        if (this.#probe !== undefined) deadlines.cancel(this.#probe);
        this.#scheduleProbe();
      });
    });
  }

  #close(onClosed: () => void): void {
    if (this.#ended) return;
    this.#ended = true;
    if (this.#idle !== undefined) deadlines.cancel(this.#idle);
    if (this.#probe !== undefined) deadlines.cancel(this.#probe);
    this.#permit.closed();
    onClosed();
  }
}

/** If the headers of a request are not those of gRPC as this side speaks it: the answer to them. */
function foreignHeaders(headers: IncomingHttpHeaders): Record<string, string | number> | undefined {
  if (headers[":method"] !== "POST") return { ":status": 405 };
  const type = headers["content-type"];
  if (type === undefined || !/^application\/grpc(?:$|[+;])/.test(type)) return { ":status": 415 };
  const encoding = headers["grpc-encoding"];
  if (encoding === undefined || encoding === "identity") return undefined;
  const details = "This worker takes no compressed messages ('grpc-encoding: identity' only)";
  return statusHeaders({ code: GrpcStatus.UNIMPLEMENTED, details });
}
