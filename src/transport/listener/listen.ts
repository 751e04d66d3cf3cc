/**
 * The gRPC server of a worker: one listener for the network and one on a Unix socket, whose directory only this
 * user can enter and over which alone the worker may be told to stop. It hands out streams of raw bytes and
 * answers the unary calls from its handlers; it does not look into a batch.
 */

import { lookup } from "node:dns/promises";
import { chmodSync } from "node:fs";
import { isIP } from "node:net";
import type { Server, ServerDuplexStream, ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { InvalidOptionError } from "../../errors/invalid-option-error.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import { type ChannelOptions, DEFAULT_CHANNEL_OPTIONS } from "../../wire/channel-options.ts";
import { decodeStopRequest, encodeIdleTime } from "../../wire/messages/service-messages.ts";
import { GRPC_METHODS, type Grpc, loadGrpc } from "../grpc/service.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import { assertSocketPath } from "../unix/assert-socket-path.ts";

/** One `session` or `dispatch` call. */
export type GrpcServerStream = ServerDuplexStream<Buffer, Uint8Array>;

/** Who is at the other end of a stream. */
export interface GrpcPeer {
  /** Whether it came over the Unix socket. */
  readonly local: boolean;
  /** Its address, for messages. */
  readonly description: string;
}

/** The worker's side of a gRPC server. */
export interface GrpcHandlers {
  /** Takes a stream; called in the turn in which it was opened. */
  session(stream: GrpcServerStream, peer: GrpcPeer): void;
  dispatch(stream: GrpcServerStream, peer: GrpcPeer): void;
  /** Seconds for which the worker has had nothing to do; 0 while it has. */
  idleSeconds(): number;
  /** The worker's record as bytes. */
  describe(): Promise<Uint8Array>;
  /**
   * Told over the Unix socket only.
   *
   * @param graceSeconds For calls in flight: 0 for none, `Infinity` for no limit.
   */
  stop(graceSeconds: number): void;
}

/** Where a gRPC server listens, and for whom. */
export interface GrpcListenOptions {
  /** Address or name to bind, without brackets: `"127.0.0.1"`, `"::"`, `"0.0.0.0"`, `"localhost"`. */
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Path of the Unix socket; its directory is this user's alone. */
  readonly controlPath: string;
  /** The worker's transport settings; what is absent keeps its default. */
  readonly channel: ChannelOptions;
  /** Largest batch of frames on a session, in bytes. */
  readonly maxBatchBytes: number;
  readonly handlers: GrpcHandlers;
}

/** A gRPC server that listens. */
export interface GrpcListener {
  /** The IP address bound, also if a name was given. */
  readonly host: string;
  readonly port: number;
  /**
   * Takes no more calls, lets those under way end, and closes every connection. Idempotent.
   *
   * @param graceMs Milliseconds after which the remaining calls are cut off.
   */
  close(graceMs: number): Promise<void>;
}

/** How many bytes the envelope of a `dispatch` adds to its payload at most. */
const ENVELOPE_BYTES = 64 * 1024;
/** Room for unary calls and sessions beside the calls on one connection. */
const SPARE_STREAMS = 16;
const MAX_INT32 = 0x7fffffff;
/**
 * How many times longer than a caller waits for the worker's answer to a probe the worker waits for the caller's. A
 * worker answers in a thread of its own; a caller answers in its only one, which its program may block.
 */
const CALLER_PATIENCE = 10;

const NO_STOP =
  "Cannot stop the worker over an unverified connection: it takes this over its control socket, on its own host; stop it there, or end its process";

/**
 * Serves gRPC on a network address and on a Unix socket.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `host` or `port`) for an address that is
 *   not this host's, or a port that is taken or not allowed.
 */
export async function listenGrpc(options: GrpcListenOptions): Promise<GrpcListener> {
  const { host, port, controlPath } = options;
  assertSocketPath(controlPath);
  const address = await resolveHost(host);
  const grpc = await loadGrpc();
  const network = createServer(grpc, options, { local: false });
  const control = createServer(grpc, options, { local: true });
  try {
    const bound = await bind(grpc, network, `${bracketed(address)}:${port}`).catch((error: unknown) => {
      throw explainBindError(error, { host, port });
    });
    await bind(grpc, control, `unix:${controlPath}`);
    // Besides the directory's own mode, which is the boundary.
    chmodSync(controlPath, 0o600);
    let closing: Promise<void> | undefined;
    return {
      host: address,
      port: bound,
      close(graceMs) {
        closing ??= Promise.all([shutDown(network, graceMs), shutDown(control, graceMs)]).then(() => {});
        return closing;
      },
    };
  } catch (error) {
    network.forceShutdown();
    control.forceShutdown();
    throw error;
  }
}

function createServer(
  grpc: Grpc,
  options: GrpcListenOptions,
  { local }: { readonly local: boolean },
): Server {
  const { handlers } = options;
  const channel = { ...DEFAULT_CHANNEL_OPTIONS, ...options.channel };
  const server = new grpc.Server({
    "grpc.max_receive_message_length": Math.min(
      MAX_INT32,
      Math.max(options.maxBatchBytes, channel.maxMessageSize + ENVELOPE_BYTES),
    ),
    // The session knows from the peer's Hello how large a message the peer takes.
    "grpc.max_send_message_length": -1,
    "grpc.max_concurrent_streams": Math.min(MAX_INT32, 2 * channel.maxConcurrentCalls + SPARE_STREAMS),
    "grpc.keepalive_time_ms": channel.keepaliveTime,
    "grpc.keepalive_timeout_ms": Math.min(MAX_INT32, CALLER_PATIENCE * channel.keepaliveTimeout),
  });
  const peer = (stream: GrpcServerStream): GrpcPeer => ({
    local,
    description: local ? `unix:${options.controlPath}` : stream.getPeer(),
  });
  server.addService(GRPC_METHODS_AS_SERVICE, {
    session: (stream: GrpcServerStream) => handlers.session(stream, peer(stream)),
    dispatch: (stream: GrpcServerStream) => handlers.dispatch(stream, peer(stream)),
    idle: (_call: Unary, reply: Reply) => reply(null, encodeIdleTime(handlers.idleSeconds())),
    describe: (_call: Unary, reply: Reply) => {
      handlers.describe().then(
        (record) => reply(null, record),
        (error: unknown) => reply({ code: GrpcStatus.UNAVAILABLE, details: errorText(error) }),
      );
    },
    stop: (call: Unary, reply: Reply) => {
      if (!local) {
        reply({ code: GrpcStatus.PERMISSION_DENIED, details: NO_STOP });
        return;
      }
      let seconds: number;
      try {
        seconds = decodeStopRequest(call.request);
      } catch (error) {
        if (!(error instanceof ProtocolError)) throw error;
        reply({ code: GrpcStatus.INVALID_ARGUMENT, details: error.message });
        return;
      }
      reply(null, EMPTY);
      handlers.stop(seconds < 0 ? Number.POSITIVE_INFINITY : seconds);
    },
  });
  return server;
}

type Unary = ServerUnaryCall<Buffer, Uint8Array>;
type Reply = sendUnaryData<Uint8Array>;

const EMPTY = new Uint8Array(0);

const GRPC_METHODS_AS_SERVICE = { ...GRPC_METHODS };

function bind(grpc: Grpc, server: Server, target: string): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync(target, grpc.ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port);
      else reject(error);
    });
  });
}

/** Ends a server: the calls under way first, then its connections. */
function shutDown(server: Server, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    const force = deadlines.after(graceMs, () => server.forceShutdown());
    server.tryShutdown(() => {
      deadlines.cancel(force);
      resolve();
    });
  });
}

async function resolveHost(host: string): Promise<string> {
  if (isIP(host) !== 0) return host;
  const found = await lookup(host).catch(() => undefined);
  if (found !== undefined) return found.address;
  throw new InvalidOptionError("host", {
    value: host,
    expected: "an address of this host, or a name of one",
  });
}

function bracketed(address: string): string {
  return isIP(address) === 6 ? `[${address}]` : address;
}

/** The library reports the system's error as part of a sentence. */
function explainBindError(
  error: unknown,
  { host, port }: { readonly host: string; readonly port: number },
): unknown {
  const code = /\b(EADDRINUSE|EACCES|EADDRNOTAVAIL|EINVAL)\b/.exec(errorText(error))?.[1];
  switch (code) {
    case "EADDRINUSE":
      return new InvalidOptionError("port", {
        value: port,
        expected: `a free port on '${host}' (0 takes any); another program listens on this one`,
      });
    case "EACCES":
      return new InvalidOptionError("port", {
        value: port,
        expected: "a port that this user may listen on, as a rule one from 1024 up (0 takes any)",
      });
    case "EADDRNOTAVAIL":
    case "EINVAL":
      return new InvalidOptionError("host", { value: host, expected: "an address of this host" });
    default:
      return error;
  }
}
