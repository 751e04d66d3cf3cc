/**
 * The services of a worker as gRPC knows them: the paths of their methods. Bytes pass through them untouched; reading
 * them is up to `wire/` and `session/`.
 */

/** One method. */
export interface GrpcMethod {
  /** The path by which it is called. */
  readonly path: string;
}

/** Package and name of the service, as in `proto/wire.proto`. */
export const WORKER_SERVICE = "wool.runtime.protobuf.wire.Worker";

/** Of the health service that gRPC has for all servers. */
const HEALTH_SERVICE = "grpc.health.v1.Health";

/** Trailer by which a worker proves that it has not started the task of a stream. */
export const NOT_STARTED_TRAILER = "merino-not-started";

/** The methods of the `Worker` service by their names. */
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

/** The methods of gRPC's health service by their names. */
export const HEALTH_METHODS: Readonly<Record<"Check" | "Watch", GrpcMethod>> = Object.freeze({
  Check: method("Check", HEALTH_SERVICE),
  Watch: method("Watch", HEALTH_SERVICE),
});

/** The one method of gRPC's reflection service, in its versions. */
export const REFLECTION_METHODS: readonly GrpcMethod[] = Object.freeze(
  ["v1", "v1alpha"].map((version) =>
    method("ServerReflectionInfo", `grpc.reflection.${version}.ServerReflection`),
  ),
);

function method(name: string, service = WORKER_SERVICE): GrpcMethod {
  return Object.freeze({ path: `/${service}/${name}` });
}
