/**
 * The `Worker` service as gRPC knows it: the paths of its methods. Bytes pass through them untouched; reading them is
 * up to `wire/` and `session/`.
 */

/** One method. */
export interface GrpcMethod {
  /** The path by which it is called. */
  readonly path: string;
}

/** Package and name of the service, as in `proto/wire.proto`. */
const GRPC_SERVICE = "wool.runtime.protobuf.wire.Worker";

/** Trailer by which a worker proves that it has not started the task of a stream. */
export const NOT_STARTED_TRAILER = "merino-not-started";

/** The service's methods by their names. */
export const GRPC_METHODS: Readonly<
  Record<"dispatch" | "session" | "stop" | "idle" | "describe" | "access", GrpcMethod>
> = Object.freeze({
  /** One call per stream. */
  dispatch: method("dispatch"),
  /** Many calls on one stream, a batch of frames per message. */
  session: method("session"),
  /** Shuts the worker down. */
  stop: method("stop"),
  /** How long the worker has had nothing to do. */
  idle: method("idle"),
  /** The worker's record. */
  describe: method("describe"),
  /** What a caller with some identities might call. */
  access: method("access"),
});

function method(name: string): GrpcMethod {
  return Object.freeze({ path: `/${GRPC_SERVICE}/${name}` });
}
