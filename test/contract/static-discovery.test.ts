/** StaticDiscovery keeps the part of the discovery contract that is about subscriptions. */
import { StaticDiscovery } from "../../src/discovery/static-discovery.ts";
import { subscriptionContract } from "./discovery.ts";

subscriptionContract("StaticDiscovery", async (workers) => ({
  discovery: new StaticDiscovery(workers),
  async [Symbol.asyncDispose]() {},
}));
