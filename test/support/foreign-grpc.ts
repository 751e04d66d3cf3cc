/** The reference implementation of gRPC for Node, which our client and our server are tried against. */
import * as grpc from "@grpc/grpc-js";
import { GRPC_METHODS } from "../../src/transport/grpc/service.ts";

export { grpc };

/** A method as the library's `addService` and `makeUnaryRequest` and their like take it; its messages are raw bytes. */
export type ForeignMethod = grpc.MethodDefinition<Uint8Array, Buffer>;

const bytes = (message: Uint8Array): Buffer => Buffer.from(message);
const unchanged = (message: Buffer): Buffer => message;

/** The methods of the `Worker` service by their names. */
export const FOREIGN_METHODS: Readonly<Record<keyof typeof GRPC_METHODS, ForeignMethod>> = {
  dispatch: method("dispatch", true),
  session: method("session", true),
  stop: method("stop", false),
  idle: method("idle", false),
  describe: method("describe", false),
  access: method("access", false),
};

function method(name: keyof typeof GRPC_METHODS, streaming: boolean): ForeignMethod {
  return {
    path: GRPC_METHODS[name].path,
    requestStream: streaming,
    responseStream: streaming,
    requestSerialize: bytes,
    requestDeserialize: unchanged,
    responseSerialize: bytes,
    responseDeserialize: unchanged,
  };
}
