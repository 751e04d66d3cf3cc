/** UnixCarrier keeps the carrier contract. */
import { join } from "node:path";
import type { Carrier } from "../../src/session/carrier.ts";
import { connectUnix } from "../../src/transport/unix/connect.ts";
import { listenUnix } from "../../src/transport/unix/listen.ts";
import { carrierContract } from "./carrier.ts";

const MAX_BATCH = 1_000_000;

carrierContract("UnixCarrier", async (runtimeRoot) => {
  const path = join(runtimeRoot, "s");
  let accept = (_carrier: Carrier): void => {};
  const server = new Promise<Carrier>((resolve) => {
    accept = resolve;
  });
  const listener = await listenUnix(path, { maxBatchBytes: MAX_BATCH }, (carrier) => accept(carrier));
  const client = await connectUnix(path, { maxBatchBytes: MAX_BATCH });
  return {
    client,
    server: await server,
    [Symbol.asyncDispose]: () => listener.close(),
  };
});
