/** LocalDiscovery keeps the discovery contract. */
import { randomUUID } from "node:crypto";
import { LocalDiscovery } from "../../src/discovery/local/local-discovery.ts";
import { discoveryContract } from "./discovery.ts";

discoveryContract("LocalDiscovery", () => {
  const namespace = `contract-${randomUUID()}`;
  return () => new LocalDiscovery(namespace);
});
