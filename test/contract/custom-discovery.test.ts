/** A discovery written by hand against the port can keep the part of the contract that is about subscriptions. */
import { handWrittenDiscovery } from "../support/hand-written-discovery.ts";
import { subscriptionContract } from "./discovery.ts";

subscriptionContract("A hand-written discovery", async (workers) => {
  const discovery = handWrittenDiscovery();
  const publisher = discovery.publisher();
  for (const worker of workers) await publisher.publish({ type: "worker-added", worker });
  return { discovery, [Symbol.asyncDispose]: () => publisher.close() };
});
