/**
 * The carrier within a process keeps the carrier contract; and so does the in-memory pair of the tests, so that what is
 * tested over it holds elsewhere.
 */
import { AsyncResource } from "node:async_hooks";
import { pairCarriers } from "../../src/transport/memory/carrier.ts";
import { memoryPair } from "../support/memory-pair.ts";
import { carrierContract } from "./carrier.ts";

carrierContract("pairCarriers()", async () => {
  const [client, server] = pairCarriers("memory:test", new AsyncResource("TEST"));
  return { client, server, async [Symbol.asyncDispose]() {} };
});

for (const volatile of [false, true]) {
  carrierContract(volatile ? "MemoryPair (volatile)" : "MemoryPair", async () => {
    const { client, server } = memoryPair({ volatile });
    return {
      client,
      server,
      congestion: {
        begin: () => {
          client.congested = true;
        },
        end: () => {
          client.congested = false;
        },
      },
      async [Symbol.asyncDispose]() {},
    };
  });
}
