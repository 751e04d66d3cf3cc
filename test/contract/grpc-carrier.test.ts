/** GrpcCarrier keeps the carrier contract, over TCP and over a Unix socket. */
import { join } from "node:path";
import { connectGrpc } from "../../src/transport/grpc/connect.ts";
import { ServerStreamCarrier, serveGrpc } from "../support/serve-grpc.ts";
import { carrierContract } from "./carrier.ts";

for (const kind of ["TCP", "a Unix socket"]) {
  carrierContract(`GrpcCarrier over ${kind}`, async (runtimeRoot) => {
    const served = await serveGrpc({}, kind === "TCP" ? "127.0.0.1:0" : `unix:${join(runtimeRoot, "g")}`);
    const client = await connectGrpc(served.address);
    return {
      client,
      server: new ServerStreamCarrier(await served.next()),
      [Symbol.asyncDispose]: () => served[Symbol.asyncDispose](),
    };
  });
}
