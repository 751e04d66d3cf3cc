/**
 * The gRPC services of a worker: one server for the network, one on a Unix socket, whose directory only this user can
 * enter and over which alone the worker may be told to stop, and if it is asked for one that tells of its health and of
 * nothing else. It hands out calls that carry raw bytes and answers the unary ones from its handlers; it does not look
 * into a batch.
 */

import { chmodSync } from "node:fs";
import { resolveAllowedPeers } from "../../credentials/peers/allowed-peers.ts";
import type { TrustData, TrustMaterial } from "../../credentials/trust.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { errorText } from "../../internal/error-text.ts";
import { memoryLimits } from "../../session/memory/limits.ts";
import { MemoryBudget } from "../../session/memory/memory-budget.ts";
import type { ThreadShare } from "../../session/memory/thread-share.ts";
import { type ChannelOptions, DEFAULT_CHANNEL_OPTIONS } from "../../wire/channel-options.ts";
import { decodeStopRequest, encodeIdleTime } from "../../wire/messages/service-messages.ts";
import { GRPC_METHODS } from "../grpc/service.ts";
import { GrpcStatus } from "../grpc/status-codes.ts";
import { TlsAcceptor } from "../tls/acceptor.ts";
import { assertSocketPath } from "../unix/assert-socket-path.ts";
import { type BindAddress, type BindOptions, explainBindError, resolveHost } from "./bind-address.ts";
import { ConnectionGuard } from "./connection-guard.ts";
import { Health } from "./health.ts";
import { unary } from "./one-request.ts";
import { reflectionMethods } from "./reflection/reflection.ts";
import { GrpcServer, type GrpcServerOptions } from "./server.ts";
import type { CallStatus, ServerCall, ServerCallEvents, ServerMethod } from "./server-call.ts";
import { StreamGuard } from "./stream-guard.ts";

/** What a worker does for its callers. */
export interface GrpcHandlers {
  /** Takes a call, at its first message. */
  session(call: ServerCall): ServerCallEvents;
  dispatch(call: ServerCall): ServerCallEvents;
  /** Seconds for which the worker has had nothing to do; 0 while it has. */
  idleSeconds(): number;
  /** Whether the worker takes calls; once it does not, it never does again. */
  takesCalls(): boolean;
  /** The worker's record as bytes. */
  describe(): Promise<Uint8Array>;
  /** What a caller might call, as bytes: asked over the Unix socket only. */
  access(request: Uint8Array): Promise<Uint8Array>;
  /**
   * Told over the Unix socket, and by callers of the network that may.
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
  /** Where it tells of its health besides, in plain text and to anybody. */
  readonly health?: BindAddress | undefined;
  /** Path of the Unix socket; its directory is this user's alone. */
  readonly controlPath: string;
  /** The worker's transport settings; what is absent keeps its default. */
  readonly channel: ChannelOptions;
  /** What all callers of the network may make the process hold, in bytes. Absent: see `memoryLimits`. */
  readonly maxHeldBytes?: number | undefined;
  /** Where this thread says what it holds of that, and sees what the one does that serves. Absent: there is none. */
  readonly share?: ThreadShare | undefined;
  /** Largest batch of frames on a session, in bytes. */
  readonly maxBatchBytes: number;
  /** With which callers of the network and this side prove who they are. Absent: connections are in plain text. */
  readonly trust?: TrustData | undefined;
  /** Patterns of the identities of callers that may stop the worker over the network. */
  readonly stopAllow: readonly string[];
  readonly handlers: GrpcHandlers;
}

/** A gRPC server that listens. */
export interface GrpcListener {
  /** The IP address bound, also if a name was given. */
  readonly host: string;
  readonly port: number;
  /** The port on which it tells of its health alone; absent if it was not asked to. */
  readonly healthPort: number | undefined;
  /** Uses other keys for new connections. */
  renew(material: TrustMaterial): void;
  /** The worker takes no more calls: says so to whoever watches its health. Idempotent. */
  leave(): void;
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
/** Sessions that callers may have open, beside calls of one stream each. */
const MAX_SESSIONS = 2_048;
/** How long a new connection or stream may stay silent. */
const GREETING_MS = 10_000;
/** How long a connection may stay without a call; twice as long as our own callers keep one. */
const IDLE_MS = 120_000;
/**
 * Bytes that a caller may have under way to this side on each stream of a connection: Node returns the connection's own
 * window for what nobody has read as well. They are not counted where nobody takes them on, so that connections beyond a
 * few get less, and have few streams that are not read: all together take a part of the process's budget.
 */
const MOST_WINDOW_BYTES = 256 * 1024;
/** What HTTP/2 has callers assume before they are told otherwise. */
const LEAST_WINDOW_BYTES = 65_535;
const WINDOWS_SHARE = 1 / 32;
/** The most streams of a connection that may be left unread at a time, whatever the budget: beyond what anybody needs. */
const MOST_UNREAD_CALLS = 32;
/** The part of the process's budget that this thread may hold. */
const LISTENER_SHARE = 1 / 4;
const MAX_CONNECTIONS = 2_048;
const MAX_PER_ADDRESS = 1_024;
const WASTED_BURST = 2_000;
const WASTED_PER_SECOND = 500;
/** Calls that may watch the worker's health, on each server. */
const MAX_WATCHES = 1_024;
/** Calls on a connection to the server for health alone, and bytes that they may have under way. */
const HEALTH_STREAMS = 100;
const HEALTH_WINDOW_BYTES = 64 * 1024;
/** What all of its callers together may make this thread hold: their requests are a name each. */
const HEALTH_HELD_BYTES = 4 * 1024 * 1024;

/** The options to blame for an address. */
const NETWORK_OPTIONS: BindOptions = { host: "host", port: "port" };
const HEALTH_OPTIONS: BindOptions = { host: "health", port: "health" };

const NO_STOP =
  "Cannot stop the worker over the network: it takes this over its control socket, on its own host, and from the identities that it was started with for that (--stop-allow); stop it there, or end its process";

/**
 * Serves gRPC on a network address and on a Unix socket, and tells of the worker's health on another address if it is to.
 *
 * @throws {@link InvalidOptionError} (ERR_MERINO_INVALID_OPTION, option `host`, `port` or `health`) for an address that
 *   is not this host's, or a port that is taken or not allowed.
 */
export async function listenGrpc(options: GrpcListenOptions): Promise<GrpcListener> {
  const { host, port, controlPath, trust, handlers } = options;
  assertSocketPath(controlPath);
  const address = await resolveHost(host, NETWORK_OPTIONS);
  const health = new Health(() => handlers.takesCalls());
  const streams = new StreamGuard({
    maxStreams: MAX_SESSIONS + maxStreams(options),
    greetingMs: GREETING_MS,
  });
  const memory = listenerMemory(options);
  const tls = trust === undefined ? undefined : new TlsAcceptor(trust, { handshakeMs: GREETING_MS });
  const network = await GrpcServer.listen(
    { host: address, port },
    {
      ...serverOptions(options, { local: false, health }),
      ...{ memory, streams, tls },
      guard: guardOf(MAX_PER_ADDRESS),
    },
  ).catch((error: unknown) => {
    throw explainBindError(error, { host, port }, NETWORK_OPTIONS);
  });
  const servers = [network];
  try {
    const control = await GrpcServer.listen(
      { path: controlPath },
      {
        ...serverOptions(options, { local: true, health }),
        memory,
        streams,
        guard: guardOf(MAX_CONNECTIONS),
        local: `unix:${controlPath}`,
      },
    );
    servers.push(control);
    // Besides the directory's own mode, which is the boundary.
    chmodSync(controlPath, 0o600);
    const probed =
      options.health === undefined ? undefined : await listenHealth(options.health, options, health);
    if (probed !== undefined) servers.push(probed);
    let closing: Promise<void> | undefined;
    return {
      host: address,
      port: network.port,
      healthPort: probed?.port,
      renew: (material) => tls?.renew(material),
      leave: () => health.leave(),
      close(graceMs) {
        if (closing === undefined) health.close();
        closing ??= Promise.all(servers.map((server) => server.close(graceMs))).then(() => {});
        return closing;
      },
    };
  } catch (error) {
    await Promise.all(servers.map((server) => server.close(0)));
    throw error;
  }
}

/** A server for those who have no certificate, a kubelet for instance. It has bounds of its own, and no other method. */
async function listenHealth(
  where: BindAddress,
  options: GrpcListenOptions,
  health: Health,
): Promise<GrpcServer> {
  const host = await resolveHost(where.host, HEALTH_OPTIONS);
  return GrpcServer.listen(
    { host, port: where.port },
    {
      ...serverOptions(options, { local: false, health }),
      methods: new Map(health.methods({ maxWatches: MAX_WATCHES })),
      maxStreams: HEALTH_STREAMS,
      windowBytes: () => HEALTH_WINDOW_BYTES,
      unreadCalls: () => 1,
      streams: new StreamGuard({ maxStreams: 2 * MAX_WATCHES, greetingMs: GREETING_MS }),
      memory: new MemoryBudget({ limitBytes: HEALTH_HELD_BYTES, objectWeight: 1 }),
      guard: guardOf(MAX_PER_ADDRESS),
    },
  ).catch((error: unknown) => {
    throw explainBindError(error, where, HEALTH_OPTIONS);
  });
}

function guardOf(maxPerAddress: number): ConnectionGuard {
  return new ConnectionGuard({
    maxConnections: MAX_CONNECTIONS,
    maxPerAddress,
    wastedBurst: WASTED_BURST,
    wastedPerSecond: WASTED_PER_SECOND,
  });
}

function serverOptions(
  options: GrpcListenOptions,
  { local, health }: { readonly local: boolean; readonly health: Health },
): Omit<GrpcServerOptions, "streams" | "guard" | "memory"> {
  const channel = { ...DEFAULT_CHANNEL_OPTIONS, ...options.channel };
  const { limitBytes } = memoryLimits(channel.maxMessageSize, options.maxHeldBytes);
  const windowBytes = (connections: number): number => {
    const share = (limitBytes * WINDOWS_SHARE) / connections;
    return Math.floor(Math.max(LEAST_WINDOW_BYTES, Math.min(MOST_WINDOW_BYTES, share)));
  };
  return {
    methods: methodsOf(options, { local, health }),
    maxStreams: maxStreams(options),
    windowBytes,
    unreadCalls: (connections) => {
      const most = (limitBytes * WINDOWS_SHARE) / (connections * windowBytes(connections));
      return Math.floor(Math.max(1, Math.min(MOST_UNREAD_CALLS, most)));
    },
    keepaliveTimeMs: channel.keepaliveTime,
    keepaliveTimeoutMs: CALLER_PATIENCE * channel.keepaliveTimeout,
    greetingMs: GREETING_MS,
    idleMs: IDLE_MS,
  };
}

/**
 * What callers may make this thread hold: unfinished messages, and what the serving thread is too busy to take. It is a
 * part of the process's budget, of which it has what that thread does not hold, though always room for one of the largest messages, and half of that for others.
 */
function listenerMemory({ channel, maxHeldBytes, share }: GrpcListenOptions): MemoryBudget {
  const largest = (channel.maxMessageSize ?? DEFAULT_CHANNEL_OPTIONS.maxMessageSize) + ENVELOPE_BYTES;
  const { limitBytes } = memoryLimits(largest, maxHeldBytes);
  const memory = new MemoryBudget({
    limitBytes: Math.max(limitBytes * LISTENER_SHARE, 2 * largest),
    objectWeight: 1,
  });
  if (share !== undefined) {
    memory.join(share, { totalBytes: limitBytes, leastBytes: 1.5 * largest, fullBytes: largest / 2 });
  }
  return memory;
}

/** The largest number of streams on one connection. */
function maxStreams({ channel }: GrpcListenOptions): number {
  const calls = channel.maxConcurrentCalls ?? DEFAULT_CHANNEL_OPTIONS.maxConcurrentCalls;
  return Math.min(MAX_INT32, 2 * calls + SPARE_STREAMS);
}

function methodsOf(
  { handlers, channel, maxBatchBytes, stopAllow }: GrpcListenOptions,
  { local, health }: { readonly local: boolean; readonly health: Health },
): ReadonlyMap<string, ServerMethod> {
  const maxMessageBytes = channel.maxMessageSize ?? DEFAULT_CHANNEL_OPTIONS.maxMessageSize;
  const { session, dispatch, idle, describe, stop, access } = GRPC_METHODS;
  const mayStop = resolveAllowedPeers("stopAllow", stopAllow);
  return new Map<string, ServerMethod>([
    ...health.methods({ maxWatches: MAX_WATCHES }),
    ...reflectionMethods(),
    [session.path, { maxMessageBytes: maxBatchBytes, open: (call) => handlers.session(call) }],
    [
      dispatch.path,
      {
        maxMessageBytes: Math.min(MAX_INT32, maxMessageBytes + ENVELOPE_BYTES),
        open: (call) => handlers.dispatch(call),
      },
    ],
    [idle.path, unary(() => encodeIdleTime(handlers.idleSeconds()))],
    [
      describe.path,
      unary(() =>
        handlers.describe().catch((error: unknown) => {
          return { code: GrpcStatus.UNAVAILABLE, details: errorText(error) };
        }),
      ),
    ],
    [
      access.path,
      unary((request) =>
        local
          ? handlers.access(request).catch((error: unknown) => {
              return { code: GrpcStatus.INVALID_ARGUMENT, details: errorText(error) };
            })
          : { code: GrpcStatus.PERMISSION_DENIED, details: NO_ACCESS },
      ),
    ],
    [
      stop.path,
      unary((request, peer) => answerStop(request, handlers, { permitted: local || mayStop.permits(peer) })),
    ],
  ]);
}

function answerStop(
  request: Uint8Array,
  handlers: GrpcHandlers,
  { permitted }: { readonly permitted: boolean },
): Uint8Array | CallStatus {
  if (!permitted) return { code: GrpcStatus.PERMISSION_DENIED, details: NO_STOP };
  try {
    const seconds = decodeStopRequest(request);
    handlers.stop(seconds < 0 ? Number.POSITIVE_INFINITY : seconds);
    return EMPTY;
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
    return { code: GrpcStatus.INVALID_ARGUMENT, details: error.message };
  }
}

const EMPTY = new Uint8Array(0);

const NO_ACCESS = "The worker tells of its rules over its control socket only, on its own host";
