/**
 * A connection over which gRPC's methods can be called: one HTTP/2 session on one socket, probed while it is
 * silent. It retries nothing, resolves nothing a second time and never keeps the process alive by itself:
 * its owner decides when to connect again, and what for.
 */
import type { ClientHttp2Session } from "node:http2";
import { connect as connectSocket, type Socket } from "node:net";
import type { Trust } from "../../credentials/trust.ts";
import { HandshakeError, handshakeReason } from "../../errors/handshake-error.ts";
import { isMerinoError } from "../../errors/merino-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { loadOnce } from "../../internal/load-once.ts";
import { shownBriefly } from "../../internal/shown-text.ts";
import { type DeadlineEntry, deadlines } from "../../internal/time/deadline-queue.ts";
import { DEFAULT_CHANNEL_OPTIONS } from "../../wire/channel-options.ts";
import { version } from "../../wire/version.ts";
import { classifyTlsError } from "../tls/failure.ts";
import type { GrpcAddress } from "./address.ts";
import { GrpcCall, type GrpcCallConnection, type GrpcCallEvents } from "./call.ts";
import type { GrpcMethod } from "./service.ts";

/** How a channel is made. */
export interface GrpcChannelOptions {
  /** Silence after which the peer is probed, in milliseconds. Default 30 000; Unix sockets need no probes. */
  readonly keepaliveTimeMs?: number | undefined;
  /** How long a probe may stay unanswered, in milliseconds. Default 10 000. */
  readonly keepaliveTimeoutMs?: number | undefined;
  /** How long the peer has to take the connection and to greet, in milliseconds. Default 5 000. */
  readonly connectTimeoutMs?: number | undefined;
  /** This side's credentials. Absent, and over Unix sockets always: the connection is in plain text. */
  readonly trust?: Trust | undefined;
  /** The name that the peer has to present, with credentials. Absent: see `ConnectTlsOptions`. */
  readonly identity?: string | undefined;
}

/** How one call is made. */
export interface GrpcCallOptions {
  /** Longest message taken from the peer, in bytes. */
  readonly maxMessageBytes: number;
  /** How long the caller waits for the answer, as the peer is told, in milliseconds. */
  readonly timeoutMs?: number | undefined;
  readonly events: GrpcCallEvents;
}

const CONNECT_TIMEOUT_MS = 5_000;
/** How many bytes a peer may have under way to this side; as many as a session returns at once. */
const WINDOW_BYTES = 8 * 1024 * 1024;
/**
 * In how many parts the answer to a probe is waited for. While this side's loop is blocked, one part passes at most, so
 * that what has arrived meanwhile is read before the peer is judged.
 */
const PROBE_PARTS = 10;
/** HTTP/2's code for the end of a connection in good order. */
const NO_ERROR = 0;
/** The most that is kept of what a peer says at the end of a connection. */
const MAX_REASON_BYTES = 500;
/** gRPC takes at most eight digits. */
const MAX_GRPC_TIMEOUT = 99_999_999;

/** One connection to a gRPC server. */
export class GrpcChannel implements GrpcCallConnection {
  /** Resolves when the connection has ended and its descriptor is free. */
  readonly closed: Promise<void>;
  readonly #session: ClientHttp2Session;
  readonly #socket: Socket;
  readonly #address: GrpcAddress;
  readonly #keepalive: { readonly timeMs: number; readonly timeoutMs: number };
  #error: Error | undefined;
  #ended = false;
  #leaving = false;
  /** The next probe, or the end of the wait for the answer to one. */
  #probe: DeadlineEntry | undefined;

  private constructor(
    session: ClientHttp2Session,
    socket: Socket,
    address: GrpcAddress,
    options: GrpcChannelOptions,
  ) {
    this.#session = session;
    this.#socket = socket;
    this.#address = address;
    this.#keepalive = {
      timeMs: options.keepaliveTimeMs ?? DEFAULT_CHANNEL_OPTIONS.keepaliveTime,
      timeoutMs: options.keepaliveTimeoutMs ?? DEFAULT_CHANNEL_OPTIONS.keepaliveTimeout,
    };
    session.on("goaway", (code, _lastStream, data: Uint8Array | undefined) => {
      this.#leaving = true;
      // A peer that ends the connection for a reason says it: too many connections, for example.
      if (code !== NO_ERROR && data !== undefined && data.length > 0) {
        const why = Buffer.from(data).toString("utf8", 0, MAX_REASON_BYTES);
        fail(new Error(`it refuses the connection: ${shownBriefly(why)}`));
      }
    });
    const fail = (error: Error): void => {
      this.#error ??= error;
    };
    // Node tells of an alert that comes after a TLS handshake, and leaves the connection as it is.
    socket.on("error", (error) => this.destroy(error));
    session.on("error", fail);
    session.on("close", () => {
      this.#ended = true;
      if (this.#probe !== undefined) deadlines.cancel(this.#probe);
    });
    this.closed = new Promise((resolve) => {
      socket.once("close", () => {
        this.#ended = true;
        resolve();
      });
    });
  }

  /**
   * Connects, and waits until the peer has shown that it speaks HTTP/2.
   *
   * @throws {@link HandshakeError} if nobody listens there, or the peer does not greet in time.
   */
  static async connect(address: GrpcAddress, options: GrpcChannelOptions = {}): Promise<GrpcChannel> {
    // Loaded on first use: a program with local workers only never needs it.
    const http2 = process.getBuiltinModule("node:http2");
    const { connectTimeoutMs = CONNECT_TIMEOUT_MS } = options;
    const endMs = deadlines.now() + connectTimeoutMs;
    // A socket in plain text is taken at once: it may fail before anything else gets its turn.
    const opened = openSocket(address, { ...options, connectTimeoutMs });
    const socket = "then" in opened ? await opened : opened;
    const secure = "encrypted" in socket;
    const session = http2.connect(`${secure ? "https" : "http"}://${address.authority}`, {
      createConnection: () => socket,
      // The peer's windows bound it; beyond the limit of its own, Node's behaviour degrades.
      maxSessionMemory: Number.MAX_SAFE_INTEGER,
      settings: { enablePush: false, initialWindowSize: WINDOW_BYTES },
    });
    session.unref();
    const channel = new GrpcChannel(session, socket, address, options);
    await new Promise<void>((resolve, reject) => {
      let timedOut = false;
      const timeout = deadlines.add(endMs, () => {
        timedOut = true;
        channel.destroy();
      });
      session.once("remoteSettings", () => {
        deadlines.cancel(timeout);
        // A peer that refuses the connection says so right after its greeting.
        setImmediate(() =>
          channel.error === undefined ? resolve() : reject(cannotConnect(address, channel.error)),
        );
      });
      socket.once("close", () => {
        deadlines.cancel(timeout);
        const silent = timedOut
          ? `no greeting within ${connectTimeoutMs} ms`
          : closedWithoutWord(options.trust);
        reject(
          cannotConnect(address, channel.error, channel.error === undefined || timedOut ? silent : undefined),
        );
      });
    });
    if (!session.destroyed) session.setLocalWindowSize(WINDOW_BYTES);
    channel.#scheduleProbe();
    return channel;
  }

  /** Whether the connection has ended. */
  get ended(): boolean {
    return this.#ended || this.#session.destroyed || this.#socket.destroyed;
  }

  /** Why it ended, if it was not in good order. */
  get error(): Error | undefined {
    return this.#error;
  }

  /** Whether new calls may be made: it is there, and the peer has not announced its end. */
  get usable(): boolean {
    return !this.#leaving && !this.ended && !this.#session.closed;
  }

  /**
   * Calls a method.
   *
   * @throws {@link HandshakeError} when the connection has ended meanwhile.
   */
  call(method: GrpcMethod, options: GrpcCallOptions): GrpcCall {
    const { maxMessageBytes, timeoutMs, events } = options;
    try {
      const stream = this.#session.request(
        {
          ":method": "POST",
          ":path": method.path,
          ":authority": this.#address.authority,
          "content-type": "application/grpc",
          te: "trailers",
          "user-agent": `merino/${version}`,
          ...(timeoutMs === undefined
            ? undefined
            : { "grpc-timeout": `${Math.min(MAX_GRPC_TIMEOUT, Math.ceil(timeoutMs))}m` }),
        },
        { endStream: false },
      );
      return new GrpcCall(stream, { connection: this, maxMessageBytes, events });
    } catch (error) {
      throw new HandshakeError(`Cannot call '${formatAddress(this.#address)}': the connection has ended`, {
        cause: error,
      });
    }
  }

  /** Ends the connection at once, and every call on it. Idempotent. */
  destroy(error?: Error): void {
    this.#error ??= error;
    this.#session.destroy();
    this.#socket.destroy();
  }

  #scheduleProbe(): void {
    if (this.#address.local || this.ended) return;
    this.#probe = deadlines.after(this.#keepalive.timeMs, () => {
      if (this.#ended) return;
      this.#awaitAnswer(PROBE_PARTS, this.#socket.bytesRead);
      // The peer has announced its end, and has not closed yet: it gets as long for that as for an answer.
      if (this.#session.destroyed) return;
      // Refused while the connection is closing; then its end comes anyway, or the deadline.
      this.#session.ping((error) => {
        if (error !== null) return;
        if (this.#probe !== undefined) deadlines.cancel(this.#probe);
        this.#scheduleProbe();
      });
    });
  }

  /** @param bytesBefore Those read before the wait began: whatever else comes from the peer shows as well that it lives. */
  #awaitAnswer(parts: number, bytesBefore: number): void {
    const { timeoutMs } = this.#keepalive;
    this.#probe = deadlines.after(timeoutMs / PROBE_PARTS, () => {
      if (this.#ended) return;
      if (parts > 1) return this.#awaitAnswer(parts - 1, bytesBefore);
      if (this.#socket.bytesRead > bytesBefore) return this.#awaitAnswer(PROBE_PARTS, this.#socket.bytesRead);
      this.destroy(new Error(`no answer to a probe within ${timeoutMs} ms`));
    });
  }
}

/** @param why If it is not the error that tells. */
function cannotConnect(address: GrpcAddress, cause: Error | undefined, why?: string): HandshakeError {
  const tls = cause === undefined || isMerinoError(cause) ? undefined : classifyTlsError(cause);
  const said = why ?? tls?.why ?? errorText(cause);
  return new HandshakeError(`Cannot connect to '${formatAddress(address)}': ${said}`, {
    reason: tls?.reason ?? handshakeReason(cause),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Some servers say nothing before they close, and TLS 1.3 asks for a certificate without telling the program. */
function closedWithoutWord(trust: Trust | undefined): string {
  const said = "the other side closed the connection; it is no gRPC server";
  if (trust === undefined) return `${said}, or it speaks TLS only; if so, give 'credentials'`;
  if (trust.policy.mutual) return said;
  return `${said}, or it wants a certificate, of which this side presents none; if so, give the credentials 'cert' and 'key'`;
}

const loadTls = loadOnce(() => import("../tls/connect.ts"));

/** Opens the connection below HTTP/2: in plain text it is not awaited, since the session can do without. */
function openSocket(
  address: GrpcAddress,
  { trust, identity, connectTimeoutMs }: GrpcChannelOptions & { readonly connectTimeoutMs: number },
): Socket | Promise<Socket> {
  const where = address.socket;
  if (trust === undefined || "path" in where) {
    const socket = connectSocket(where);
    socket.setNoDelay(true);
    return socket;
  }
  return loadTls()
    .then(({ connectTls }) => connectTls({ ...where, trust, identity, timeoutMs: connectTimeoutMs }))
    .catch((error: unknown) => {
      throw error instanceof HandshakeError ? cannotConnect(address, error) : error;
    });
}

function formatAddress({ socket, authority }: GrpcAddress): string {
  return "path" in socket ? `unix:${socket.path}` : authority;
}
