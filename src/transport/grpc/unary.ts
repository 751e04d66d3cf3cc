/**
 * The unary calls of a worker: its record, how long it has been idle, the request to stop. Each settles within
 * its time, with a checked answer or with an error that says what went wrong.
 */
import type { Trust } from "../../credentials/trust.ts";
import { HandshakeError } from "../../errors/handshake-error.ts";
import { ProtocolError } from "../../errors/protocol-error.ts";
import { createDeferred, type Deferred } from "../../internal/deferred.ts";
import { keepAlive, letExit } from "../../internal/keep-alive.ts";
import { deadlines } from "../../internal/time/deadline-queue.ts";
import type { ChannelOptions } from "../../wire/channel-options.ts";
import {
  decodeAccessReport,
  encodeAccessRequest,
  type RoutineAccess,
} from "../../wire/messages/access-messages.ts";
import {
  decodeIdleTime,
  decodeWorkerMetadata,
  encodeStopRequest,
} from "../../wire/messages/service-messages.ts";
import { parseWorkerMetadata } from "../../wire/parse-worker-metadata.ts";
import type { WorkerMetadata } from "../../wire/worker-metadata.ts";
import { parseGrpcAddress } from "./address.ts";
import type { GrpcCallEvents } from "./call.ts";
import { grpcChannels } from "./channel-pool.ts";
import { classifyUnaryEnd } from "./error-from-status.ts";
import { GRPC_METHODS, type GrpcMethod } from "./service.ts";
import { GrpcStatus } from "./status-codes.ts";

/** How a unary call is made. */
export interface UnaryOptions {
  /** Milliseconds, connecting included, until it counts as failed. Default 5 000. */
  readonly timeoutMs?: number | undefined;
  /** Gives the call up; it then rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  /** The transport settings that the worker advertises. */
  readonly settings?: ChannelOptions | undefined;
  /** This side's credentials. Absent: plain text. */
  readonly trust?: Trust | undefined;
  /** The name that the worker has to present, if it is known. */
  readonly identity?: string | undefined;
  /** Whether the process may end while the call is under way. Default false. */
  readonly background?: boolean | undefined;
}

/** What `requestStop` takes in addition. */
export interface StopOptions extends UnaryOptions {
  /** Milliseconds granted to calls in flight: 0 ends them at once, `Infinity` waits without limit. */
  readonly graceMs: number;
}

const DEFAULT_TIMEOUT_MS = 5_000;
/** Well above the largest record that is accepted. */
const MAX_ANSWER_BYTES = 4 * 1024 * 1024;
const NOTHING = new Uint8Array(0);

/**
 * Asks a worker for its record.
 *
 * @throws {@link HandshakeError} when there is no answer; {@link VersionError} when the worker says that its
 *   version does not fit; {@link ProtocolError} when the answer is not a worker's record.
 */
export async function describeWorker(address: string, options: UnaryOptions = {}): Promise<WorkerMetadata> {
  const bytes = await callUnary(address, GRPC_METHODS.describe, "describe the worker", NOTHING, options);
  // A record that comes over this user's own socket is trusted like a local announcement.
  const unix = parseGrpcAddress(address).local;
  const worker = parseWorkerMetadata(decodeWorkerMetadata(bytes), { unix });
  if (worker !== undefined) return worker;
  throw new ProtocolError(`Cannot describe the worker at '${address}': its answer is not a worker's record`);
}

/**
 * Asks a worker how long it has had nothing to do.
 *
 * @returns Milliseconds; 0 while calls are in flight.
 * @throws like {@link describeWorker}.
 */
export async function workerIdleTime(address: string, options: UnaryOptions = {}): Promise<number> {
  const bytes = await callUnary(address, GRPC_METHODS.idle, "ask for the idle time", NOTHING, options);
  return decodeIdleTime(bytes) * 1_000;
}

/**
 * Asks a worker to stop. Resolves when it has taken the request, not when it has stopped.
 *
 * @throws like {@link describeWorker}; also a {@link HandshakeError} with the worker's explanation if it
 *   accepts a stop only over its own socket.
 */
export async function requestStop(address: string, options: StopOptions): Promise<void> {
  const { graceMs } = options;
  const seconds = graceMs === Number.POSITIVE_INFINITY ? -1 : graceMs / 1_000;
  await callUnary(address, GRPC_METHODS.stop, "stop the worker", encodeStopRequest(seconds), options);
}

/**
 * Asks a worker of this user on this host what a caller with some identities might call.
 *
 * @param address `unix:` and the path of its control socket.
 * @throws like {@link describeWorker}.
 */
export async function workerAccess(
  address: string,
  identities: readonly string[],
  options: UnaryOptions = {},
): Promise<readonly RoutineAccess[]> {
  const request = encodeAccessRequest(identities);
  return decodeAccessReport(
    await callUnary(address, GRPC_METHODS.access, "ask what callers may call", request, options),
  );
}

/** One request, one answer. */
async function callUnary(
  address: string,
  method: GrpcMethod,
  action: string,
  request: Uint8Array,
  options: UnaryOptions,
): Promise<Uint8Array> {
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signal, settings, trust, identity, background = false } = options;
  signal?.throwIfAborted();
  const answer = createDeferred<Uint8Array>();
  const endMs = deadlines.now() + timeoutMs;
  const timeout = deadlines.add(endMs, () =>
    answer.reject(new HandshakeError(`Cannot ${action} at '${address}': no answer within ${timeoutMs} ms`)),
  );
  const onAbort = (): void => answer.reject(signal?.reason);
  signal?.addEventListener("abort", onAbort, { once: true });
  let over = false;
  let cleanUp = (): void => {};
  grpcChannels
    .acquire({ address, settings, trust, identity })
    .then((use) => {
      cleanUp = () => use[Symbol.dispose]();
      if (over) return cleanUp();
      const call = use.channel.call(method, {
        maxMessageBytes: MAX_ANSWER_BYTES,
        timeoutMs: Math.max(1, endMs - deadlines.now()),
        events: answerEvents(answer, action, address),
      });
      cleanUp = () => {
        call.cancel();
        use[Symbol.dispose]();
      };
      call.send(request);
      call.halfClose();
    })
    .catch(answer.reject);
  if (!background) keepAlive();
  try {
    return await answer.promise;
  } finally {
    over = true;
    if (!background) letExit();
    deadlines.cancel(timeout);
    signal?.removeEventListener("abort", onAbort);
    cleanUp();
  }
}

/** Settles `answer` with the one message of a call that ends well. */
function answerEvents(answer: Deferred<Uint8Array>, action: string, address: string): GrpcCallEvents {
  let message: Uint8Array | undefined;
  return {
    message(bytes, start, end) {
      message = bytes.subarray(start, end);
    },
    drain() {},
    ended(end) {
      if (end.kind === "status" && end.code === GrpcStatus.OK && message !== undefined)
        answer.resolve(message);
      else answer.reject(classifyUnaryEnd(end, action, address));
    },
  };
}
