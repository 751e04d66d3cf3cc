/** The method that server and client of the plain gRPC contender agree on. Messages are JSON, which is quick enough not to matter here. */
import type { MethodDefinition } from "@grpc/grpc-js";

export const ACKNOWLEDGED = "acknowledged";

const serialize = (value: unknown): Buffer => Buffer.from(JSON.stringify(value));
const deserialize = (bytes: Buffer): unknown => JSON.parse(bytes.toString());

export const METHOD: MethodDefinition<unknown, unknown> = {
  path: "/benchmark.Worker/dispatch",
  requestStream: true,
  responseStream: true,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
};
