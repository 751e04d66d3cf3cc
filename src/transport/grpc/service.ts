/**
 * The `Worker` service as gRPC knows it: the paths of its methods, and that bytes pass through them
 * untouched. Reading the bytes is up to `wire/` and `session/`. This file loads gRPC, and only on demand.
 */

/** gRPC itself. */
export type Grpc = typeof import("@grpc/grpc-js");

/** One method: what a gRPC server's `addService` and a client's `makeClientStreamRequest` and its like take. */
export interface GrpcMethod {
  /** The path by which it is called. */
  readonly path: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly requestSerialize: (bytes: Uint8Array) => Buffer;
  readonly requestDeserialize: (bytes: Buffer) => Buffer;
  readonly responseSerialize: (bytes: Uint8Array) => Buffer;
  readonly responseDeserialize: (bytes: Buffer) => Buffer;
}

/** Package and name of the service, as in `proto/wire.proto`. */
const GRPC_SERVICE = "wool.runtime.protobuf.wire.Worker";

/** Trailer by which a worker proves that it has not started the task of a stream. */
export const NOT_STARTED_TRAILER = "merino-not-started";

/** The service's methods by their names. */
export const GRPC_METHODS: Readonly<
  Record<"dispatch" | "session" | "stop" | "idle" | "describe", GrpcMethod>
> = Object.freeze({
  /** One call per stream. */
  dispatch: method("dispatch", "streaming"),
  /** Many calls on one stream, a batch of frames per message. */
  session: method("session", "streaming"),
  /** Shuts the worker down. */
  stop: method("stop", "unary"),
  /** How long the worker has had nothing to do. */
  idle: method("idle", "unary"),
  /** The worker's record. */
  describe: method("describe", "unary"),
});

/**
 * Loads gRPC. It takes tens of milliseconds and megabytes the first time, which is why nothing imports it
 * statically.
 */
export function loadGrpc(): Promise<Grpc> {
  return import("@grpc/grpc-js");
}

function method(name: string, kind: "unary" | "streaming"): GrpcMethod {
  const streaming = kind === "streaming";
  return Object.freeze({
    path: `/${GRPC_SERVICE}/${name}`,
    requestStream: streaming,
    responseStream: streaming,
    requestSerialize: toBuffer,
    requestDeserialize: unchanged,
    responseSerialize: toBuffer,
    responseDeserialize: unchanged,
  });
}

/** gRPC wants a Buffer; this is one over the same memory. */
function toBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function unchanged(bytes: Buffer): Buffer {
  return bytes;
}
