/** The in-memory pair of the tests keeps the carrier contract, so that what is tested over it holds elsewhere. */
import { memoryPair } from "../support/memory-pair.ts";
import { carrierContract } from "./carrier.ts";

for (const volatile of [false, true]) {
  carrierContract(volatile ? "MemoryCarrier (volatile)" : "MemoryCarrier", async () => {
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
